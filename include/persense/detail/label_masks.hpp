// persense/detail/label_masks.hpp: the objects of a label image as masks.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <opencv2/core.hpp>
#include <utility>
#include <vector>

#include "persense/geometry.hpp"
#include "persense/mask.hpp"

namespace persense::detail {

/// A mask for each label above 0 that is there, by label; the image is gone through twice, however
/// many there are.
/// @param labels  CV_32SC1.
inline std::map<std::int32_t, Mask> masks_of_labels(const cv::Mat& labels) {
  std::map<std::int32_t, Mask> masks;
  std::int32_t known = 0;  // runs of a label are looked up once
  Mask* mask = nullptr;
  const auto each_pixel = [&](auto&& visit) {
    known = 0;
    for (int y = 0; y < labels.rows; ++y) {
      const auto* row = labels.ptr<std::int32_t>(y);
      for (int x = 0; x < labels.cols; ++x) {
        if (row[x] <= 0) continue;
        if (row[x] != known) mask = &masks[known = row[x]];
        visit(*mask, x, y);
      }
    }
  };
  each_pixel([](Mask& m, int x, int y) {
    const PixelBox& b = m.box;
    m.box = b.empty() ? PixelBox{x, y, x + 1, y + 1}
                      : PixelBox{std::min(b.x0, x), b.y0, std::max(b.x1, x + 1), y + 1};
  });
  for (auto& [label, m] : masks) m.bits.resize(static_cast<std::size_t>(m.box.area()));
  each_pixel([](Mask& m, int x, int y) { m.row(y)[x - m.box.x0] = 1; });
  return masks;
}

}  // namespace persense::detail
