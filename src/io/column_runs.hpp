// column_runs.hpp (private): masks from runs of pixels in column-major order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <opencv2/core.hpp>
#include <utility>
#include <vector>

#include "persense/mask.hpp"

namespace persense::io::detail {

/// First pixel, and the first one beyond: x * height + y.
using ColumnRun = std::pair<std::int64_t, std::int64_t>;

/// The union of runs, cropped to its box. The columns that it reaches are looked at, and no others.
/// @param runs  within the image; empty ones are allowed.
inline Mask mask_of(const std::vector<ColumnRun>& runs, Size size) {
  std::int64_t first = size.pixels(), last = 0;
  for (const auto& [begin, end] : runs) {
    if (begin >= end) continue;
    first = std::min(first, begin);
    last = std::max(last, end - 1);
  }
  if (first > last) return {};
  const auto x0 = static_cast<int>(first / size.height), x1 = static_cast<int>(last / size.height);
  cv::Mat columns = cv::Mat::zeros(x1 - x0 + 1, size.height, CV_8UC1);  // transposed
  const std::int64_t before = std::int64_t{x0} * size.height;
  for (const auto& [begin, end] : runs)
    if (begin < end)
      std::fill(columns.data + (begin - before), columns.data + (end - before), std::uint8_t{1});
  return crop_to_box(MaskView(cv::Mat(columns.t())), {x0, 0});
}

}  // namespace persense::io::detail
