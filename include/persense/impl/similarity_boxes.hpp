// persense/impl/similarity_boxes.hpp: bodies of similarity_boxes.hpp, which includes it unless they
// are compiled elsewhere.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numbers>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "persense/geometry.hpp"
#include "persense/maps.hpp"
#include "persense/result.hpp"
#include "persense/similarity_boxes.hpp"

namespace persense {

namespace detail {

PERSENSE_DECL cv::Mat standing_out(const FloatMapView& similarity) {
  const float lowest = similarity.minCoeff(), highest = similarity.maxCoeff();
  if (!(highest > lowest)) return {};
  const Size size = size_of(similarity);
  cv::Mat levels(size.height, size.width, CV_8UC1);
  for (int y = 0; y < size.height; ++y)
    for (int x = 0; x < size.width; ++x)
      levels.at<std::uint8_t>(y, x) =
          static_cast<std::uint8_t>(255 * ((similarity(y, x) - lowest) / (highest - lowest)));
  cv::threshold(levels, levels, 0, 255, cv::THRESH_BINARY | cv::THRESH_OTSU);
  return levels;
}

}  // namespace detail

PERSENSE_DECL std::vector<Detection> similarity_boxes(const FloatMapView& similarity,
                                                      float diameter) {
  const cv::Mat levels = detail::standing_out(similarity);
  if (levels.empty()) return {};
  cv::Mat parts, extents, centers;
  const int count = cv::connectedComponentsWithStats(levels, parts, extents, centers);
  std::vector<Detection> found;
  const double smallest = diameter * diameter * std::numbers::pi / 4 / 16;
  for (int part = 1; part < count; ++part) {  // 0 is the background
    const int* const extent = extents.ptr<int>(part);
    if (extent[cv::CC_STAT_AREA] < smallest) continue;
    const PixelBox box{extent[cv::CC_STAT_LEFT], extent[cv::CC_STAT_TOP],
                       extent[cv::CC_STAT_LEFT] + extent[cv::CC_STAT_WIDTH],
                       extent[cv::CC_STAT_TOP] + extent[cv::CC_STAT_HEIGHT]};
    const float peak = similarity.block(box.y0, box.x0, box.height(), box.width()).maxCoeff();
    found.push_back({static_cast<Box>(box), std::clamp(peak, 0.0f, 1.0f)});
  }
  return found;
}

}  // namespace persense
