// Stages of one's own for images of flat colours: what is similar is the colour, an object is what
// has one colour and hangs together. Shared by the tests of the baselines.
#pragma once

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <span>
#include <vector>

#include "persense/stages.hpp"

namespace persense::testing {

struct DrawnEncoder {
  struct Embedding {
    cv::Mat image;
  };
  using Prototype = cv::Scalar;  // a mean colour
  Embedding encode(ImageView image) const { return {image.mat().clone()}; }
  Prototype prototype(std::span<const EncodedExample<Embedding>> examples) const {
    return cv::mean(examples[0].embedding->image, to_frame(*examples[0].mask, examples[0].image));
  }
  /// 1 at the colour, less by 1/100 for each level that the farthest channel is off.
  FloatMap similarity(const Embedding& e, const Prototype& colour, Size size) const {
    FloatMap map(size.height, size.width);
    for (int y = 0; y < size.height; ++y)
      for (int x = 0; x < size.width; ++x) {
        double off = 0;
        for (int c = 0; c < 3; ++c)
          off = std::max(off, std::abs(e.image.at<cv::Vec3b>(y, x)[c] - colour[c]));
        map(y, x) = std::max(-1.0f, 1 - static_cast<float>(off) / 100);
      }
    return map;
  }
};

/// Black is no object. Keeps what it was asked.
struct DrawnDecoder {
  std::vector<Prompt>* asked;
  bool boxes = false;
  bool takes_boxes() const { return boxes; }
  std::vector<ScoredMask> decode(const Query<DrawnEncoder>& query,
                                 std::span<const Prompt> prompts) const {
    std::vector<ScoredMask> masks;
    for (const Prompt& prompt : prompts) {
      asked->push_back(prompt);
      cv::Mat image = query.image.mat().clone(), filled;
      const cv::Point at(prompt.point.x, prompt.point.y);
      masks.emplace_back();
      if (image.at<cv::Vec3b>(at) == cv::Vec3b()) continue;
      cv::copyMakeBorder(cv::Mat::zeros(image.size(), CV_8UC1), filled, 1, 1, 1, 1,
                         cv::BORDER_CONSTANT, 0);
      cv::floodFill(image, filled, at, {}, nullptr, {}, {}, 4 | cv::FLOODFILL_MASK_ONLY);
      const cv::Mat mask = filled(cv::Rect(1, 1, image.cols, image.rows)).clone();
      masks.back() = {crop_to_box(MaskView(mask)), prompt.box ? 0.9f : 0.6f};
    }
    return masks;
  }
};

/// Squares of 12 pixels, 24 apart, on black, with these grey values (RGB alike), row by row.
inline cv::Mat squares(std::span<const int> values, int columns, int rows) {
  cv::Mat image = cv::Mat::zeros(24 * rows, 24 * columns, CV_8UC3);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const int x = static_cast<int>(i) % columns, y = static_cast<int>(i) / columns;
    image(cv::Rect(24 * x + 6, 24 * y + 6, 12, 12)) = cv::Scalar::all(values[i]);
  }
  return image;
}

/// The mask of the first of them.
inline cv::Mat first_square(const cv::Mat& image) {
  cv::Mat mask = cv::Mat::zeros(image.size(), CV_8UC1);
  mask(cv::Rect(6, 6, 12, 12)) = 255;
  return mask;
}

}  // namespace persense::testing
