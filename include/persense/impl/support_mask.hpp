// persense/impl/support_mask.hpp: bodies of detail/support_mask.hpp, which includes it unless they
// are compiled elsewhere.
#pragma once

#include <fmt/core.h>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numbers>
#include <numeric>
#include <opencv2/imgproc.hpp>
#include <string>
#include <vector>

#include "persense/detail/mask_shape.hpp"
#include "persense/detail/support_mask.hpp"
#include "persense/detail/turned_hint.hpp"
#include "persense/image.hpp"
#include "persense/mask.hpp"
#include "persense/options.hpp"

namespace persense {

namespace detail {

/// Parts below this share of the largest one's area are no examples of their own: crumbs of a
/// roughly painted mask, or of an object that others cover.
inline constexpr double like_size = 0.5;

/// More say nothing new, and each costs time in every query.
inline constexpr std::size_t most_parts = 32;

/// What to say of parts that are more than one.
inline std::string parts_note(std::size_t all, const std::vector<Mask>& kept, Parts rule) {
  if (kept.size() > 1)
    return fmt::format("support mask: has {} separate parts, {} of like size are one example each",
                       all, kept.size());
  return fmt::format("support mask: has {} separate parts, the largest ({} pixels) is used{}", all,
                     kept[0].area(),
                     rule == Parts::largest ? "" : ", as the others are far smaller");
}

}  // namespace detail

PERSENSE_DECL CheckedMask parts_of(MaskView mask, Parts rule) {
  cv::Mat labels, stats, centers;
  const int all =
      mask.empty()
          ? 0
          : cv::connectedComponentsWithStats(mask.mat() != 0, labels, stats, centers, 8) - 1;
  if (all < 1)
    throw InvalidArgument("support mask: no pixel is set, expected the pixels of one object");
  const auto area = [&](int label) { return stats.at<int>(label, cv::CC_STAT_AREA); };
  std::vector<int> order(static_cast<std::size_t>(all));
  std::iota(order.begin(), order.end(), 1);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return area(a) > area(b); });
  if (area(order[0]) == mask.size().pixels())
    throw InvalidArgument(
        "support mask: covers the whole image, expected one object with background around it");

  CheckedMask checked;
  for (const int label : order) {
    const bool alike = area(label) >= detail::like_size * area(order[0]);
    const bool wanted = checked.parts.empty() || (rule == Parts::examples && alike);
    if (!wanted || checked.parts.size() == detail::most_parts) break;
    const cv::Rect box(
        stats.at<int>(label, cv::CC_STAT_LEFT), stats.at<int>(label, cv::CC_STAT_TOP),
        stats.at<int>(label, cv::CC_STAT_WIDTH), stats.at<int>(label, cv::CC_STAT_HEIGHT));
    const cv::Mat inside = labels(box) == label;
    checked.parts.push_back(crop_to_box(MaskView(inside), {box.x, box.y}));
  }
  if (all > 1)
    checked.notes.push_back(detail::parts_note(static_cast<std::size_t>(all), checked.parts, rule));
  std::string outline;
  if (rule == Parts::examples)
    for (Mask& part : checked.parts)
      if (const std::string found = detail::fill_outline(part, mask); outline.empty())
        outline = found;
  for (const std::string& note : {detail::inverted_note(checked.parts[0], mask.size()),
                                  all == 1 ? detail::dot_note(checked.parts[0]) : "", outline})
    if (!note.empty()) checked.notes.push_back(note);
  return checked;
}

PERSENSE_DECL CheckedMask check_support(ImageView image, MaskView mask, Parts rule) {
  if (image.empty())
    throw InvalidArgument(
        fmt::format("support image: size {}, expected at least 1 x 1", to_string(image.size())));
  if (mask.empty())
    throw InvalidArgument(fmt::format("support mask: size {}, expected {}", to_string(mask.size()),
                                      to_string(image.size())));
  if (mask.size() != image.size())
    throw InvalidArgument(fmt::format("support mask: size {}, expected the support image's {}{}",
                                      to_string(mask.size()), to_string(image.size()),
                                      detail::turned_hint(mask.size(), image.size())));
  return parts_of(mask, rule);
}

PERSENSE_DECL void paint(const Mask& mask, cv::Mat& frame) {
  for (int y = mask.box.y0; y < mask.box.y1; ++y) {
    const std::uint8_t* bits = mask.row(y);
    std::uint8_t* row = frame.ptr(y) + mask.box.x0;
    for (int x = 0; x < mask.box.width(); ++x)
      if (bits[x] != 0) row[x] = 255;
  }
}

PERSENSE_DECL cv::Mat to_frame(const Mask& mask, Size image) {
  cv::Mat frame = cv::Mat::zeros(image.height, image.width, CV_8UC1);
  paint(mask, frame);
  return frame;
}

PERSENSE_DECL Mask united(const Mask& a, const Mask& b) {
  if (a.empty() || b.empty()) return a.empty() ? b : a;
  const PixelBox box{std::min(a.box.x0, b.box.x0), std::min(a.box.y0, b.box.y0),
                     std::max(a.box.x1, b.box.x1), std::max(a.box.y1, b.box.y1)};
  Mask both{box, std::vector<std::uint8_t>(static_cast<std::size_t>(box.area()))};
  for (const Mask* mask : {&a, &b})
    for (int y = mask->box.y0; y < mask->box.y1; ++y)
      std::transform(mask->row(y), mask->row(y) + mask->box.width(),
                     both.row(y) + (mask->box.x0 - box.x0), both.row(y) + (mask->box.x0 - box.x0),
                     std::bit_or<std::uint8_t>());
  return both;
}

PERSENSE_DECL Point most_interior(const Mask& mask) {
  cv::Mat inside = cv::Mat::zeros(mask.box.height() + 2, mask.box.width() + 2, CV_8UC1), depth;
  for (int y = mask.box.y0; y < mask.box.y1; ++y)
    std::copy_n(mask.row(y), mask.box.width(), inside.ptr(y - mask.box.y0 + 1) + 1);
  cv::distanceTransform(inside, depth, cv::DIST_L2, cv::DIST_MASK_PRECISE);
  cv::Point at;
  cv::minMaxLoc(depth, nullptr, nullptr, nullptr, &at);
  return {mask.box.x0 + at.x - 1, mask.box.y0 + at.y - 1};
}

}  // namespace persense
