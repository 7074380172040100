// persense/detail/mask_shape.hpp: masks that are surely not what was meant, told by their shape.
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <string>
#include <vector>

#include "persense/geometry.hpp"
#include "persense/mask.hpp"

namespace persense::detail {

/// A note where a mask is likely the background of what was meant: nearly all of the image, and
/// all four borders. @param part  the largest part of the mask.
inline std::string inverted_note(const Mask& part, Size image) {
  const bool touches_all = part.box.x0 == 0 && part.box.y0 == 0 && part.box.x1 == image.width &&
                           part.box.y1 == image.height;
  const double covered = static_cast<double>(part.area()) / static_cast<double>(image.pixels());
  if (!touches_all || covered < 0.5) return {};
  return fmt::format(
      "support mask: covers {:.0f} % of the image and all four borders, so it may be inverted; "
      "expected the object's pixels to be set",
      100 * covered);
}

/// A note where a mask is hardly more than a dot.
inline std::string dot_note(const Mask& part) {
  constexpr std::int64_t fewest = 12;  // of which size and shape can be told
  if (part.area() >= fewest) return {};
  return fmt::format(
      "support mask: has {} pixels, too few to tell the object's size and shape; expected all of "
      "its pixels, or a point in it (--point, point=) for the mask to be found",
      part.area());
}

/// Fills a part that is a thin closed line around nothing, as a tool for outlines draws it.
/// @param mask  that it is a part of.
/// @return  what to say of it; empty where it is none.
inline std::string fill_outline(Mask& part, MaskView mask) {
  constexpr double thin = 0.08, thin_pixels = 3;  // of the line, in diameters; in pixels
  constexpr double hollow = 2;                    // the area inside, in areas of the line
  cv::Mat bits(part.box.height(), part.box.width(), CV_8UC1, part.bits.data());
  std::vector<std::vector<cv::Point>> outer;
  cv::findContours(bits, outer, cv::RETR_EXTERNAL, cv::CHAIN_APPROX_NONE);
  cv::Mat filled = cv::Mat::zeros(bits.size(), CV_8UC1);
  cv::drawContours(filled, outer, -1, cv::Scalar(1), cv::FILLED);
  const auto line = static_cast<double>(part.area());
  const double inside = cv::countNonZero(filled) - line;
  double length = 1;
  for (const auto& contour : outer) length = std::max(length, cv::arcLength(contour, true));
  const double width = line / length;
  const double diameter = std::max(part.box.width(), part.box.height());
  const cv::Rect box(part.box.x0, part.box.y0, bits.cols, bits.rows);
  const cv::Mat all = mask.mat()(box) != 0;
  const bool holds_another = cv::countNonZero(all & (filled != 0)) > part.area();
  if (holds_another || inside < hollow * line || width > std::max(thin * diameter, thin_pixels))
    return {};
  part = crop_to_box(MaskView(filled), {part.box.x0, part.box.y0});
  return fmt::format(
      "support mask: is an outline, a line about {:.0f} pixels wide; what is inside was taken, too",
      std::max(1.0, width));
}

}  // namespace persense::detail
