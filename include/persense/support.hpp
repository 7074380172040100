// persense/support.hpp: checks the one support example before any stage sees it.
#pragma once

#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>
#include <string>
#include <vector>

#include "persense/image.hpp"
#include "persense/mask.hpp"

namespace persense {

/// The support mask, made fit for use.
struct CheckedMask {
  cv::Mat mask;  ///< CV_8UC1, 0 or 255, one 8-connected part
  PixelBox box;
  float diameter = 0;  ///< of the disc with the part's area, pixels
  std::vector<std::string> notes;
};

/// Diameter of the disc with this many pixels.
inline float equivalent_diameter(double area) {
  return static_cast<float>(2.0 * std::sqrt(area / std::numbers::pi));
}

/// Checks a support image and mask, and keeps the mask's largest part (with a note that says so).
/// @throws InvalidArgument  empty image, another size, an empty mask, or one without any
/// background.
inline CheckedMask check_support(ImageView image, MaskView mask) {
  if (image.empty())
    throw InvalidArgument(
        fmt::format("support image: size {}, expected at least 1 x 1", to_string(image.size())));
  if (mask.empty())
    throw InvalidArgument(fmt::format("support mask: size {}, expected {}", to_string(mask.size()),
                                      to_string(image.size())));
  if (mask.size() != image.size())
    throw InvalidArgument(fmt::format("support mask: size {}, expected the support image's {}",
                                      to_string(mask.size()), to_string(image.size())));
  cv::Mat labels, stats, centers;
  const int parts =
      cv::connectedComponentsWithStats(mask.mat() != 0, labels, stats, centers, 8) - 1;
  if (parts < 1)
    throw InvalidArgument("support mask: no pixel is set, expected the pixels of one object");
  int largest = 1;
  for (int i = 2; i <= parts; ++i)
    if (stats.at<int>(i, cv::CC_STAT_AREA) > stats.at<int>(largest, cv::CC_STAT_AREA)) largest = i;
  const int area = stats.at<int>(largest, cv::CC_STAT_AREA);
  if (area == image.size().pixels())
    throw InvalidArgument(
        "support mask: covers the whole image, expected one object with background around it");

  CheckedMask checked;
  checked.mask = labels == largest;
  checked.box = {stats.at<int>(largest, cv::CC_STAT_LEFT), stats.at<int>(largest, cv::CC_STAT_TOP),
                 0, 0};
  checked.box.x1 = checked.box.x0 + stats.at<int>(largest, cv::CC_STAT_WIDTH);
  checked.box.y1 = checked.box.y0 + stats.at<int>(largest, cv::CC_STAT_HEIGHT);
  checked.diameter = equivalent_diameter(area);
  if (parts > 1)
    checked.notes.push_back(fmt::format(
        "support mask: has {} separate parts, the largest ({} pixels) is used", parts, area));
  return checked;
}

}  // namespace persense
