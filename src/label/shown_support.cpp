// What a model is shown of the support object.
#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "persense/detail/support_mask.hpp"
#include "persense/label/extractor.hpp"

namespace persense {

namespace {

// Vision-language models reduce an image to 672 pixels a side or fewer. An object of a quarter of
// the side has 168 of them, enough to tell what it is; around a smaller one the image is cropped.
constexpr int small_part = 4;       // of the image's side: a crop is taken around objects below
constexpr double margin = 2.5;      // the crop's side, in the object's
constexpr int fewest_pixels = 168;  // of the object's side: what has fewer is enlarged

int side_of(const PixelBox& box) { return std::max(box.width(), box.height()); }

// Where the object is: a square around it, moved inside the image and cut off where that is
// smaller.
cv::Rect square_around(const PixelBox& box, Size image) {
  const auto span = [&](int begin, int end, int all) {
    const int length = std::min(all, cvRound(margin * side_of(box)));
    return cv::Range(0, length) + std::clamp((begin + end - length) / 2, 0, all - length);
  };
  const cv::Range x = span(box.x0, box.x1, image.width), y = span(box.y0, box.y1, image.height);
  return {x.start, y.start, x.size(), y.size()};
}

// a * b / 255 in 8 bits, rounded.
cv::Mat blackened(const cv::Mat& pixels, const cv::Mat& inside) {
  cv::Mat three_channels, masked;
  cv::merge(std::vector<cv::Mat>(3, inside), three_channels);
  cv::multiply(pixels, three_channels, masked, 1.0 / 255);
  return masked;
}

}  // namespace

cv::Mat masked_support(ImageView image, MaskView mask) {
  const CheckedMask checked = check_support(image, mask);
  return blackened(image.mat(), to_frame(checked.parts[0], image.size()));
}

cv::Mat shown_support(ImageView image, MaskView mask, Rules rules) {
  if (rules == Rules::reference) return masked_support(image, mask);
  const Mask object = check_support(image, mask).parts[0];
  const bool small = small_part * side_of(object.box) < std::max(image.width, image.height);
  const cv::Rect window =
      small ? square_around(object.box, image.size()) : cv::Rect(0, 0, image.width, image.height);
  cv::Mat pixels = image.mat()(window), inside = to_frame(object, image.size())(window);
  const double larger = static_cast<double>(fewest_pixels) / side_of(object.box);
  if (larger > 1) {  // each on its own: what is black beside the object must not bleed into it
    const cv::Size size(cvRound(larger * window.width), cvRound(larger * window.height));
    cv::Mat pixels_enlarged, inside_enlarged;
    cv::resize(pixels, pixels_enlarged, size, 0, 0, cv::INTER_CUBIC);
    cv::resize(inside, inside_enlarged, size, 0, 0, cv::INTER_LINEAR);
    pixels = pixels_enlarged;
    inside = inside_enlarged > 127;
  }
  return blackened(pixels, inside);
}

}  // namespace persense
