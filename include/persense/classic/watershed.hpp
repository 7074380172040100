// persense/classic/watershed.hpp: marker watershed inside a mask.
#pragma once

#include <algorithm>
#include <cstdint>
#include <opencv2/core.hpp>
#include <vector>

namespace persense::classic {

/// Floods `labels` (CV_32SC1, 0 = unlabelled) over the 4-connected pixels of `mask` (CV_8UC1,
/// non-zero = may be flooded), highest `height` (CV_32FC1, >= 0) first; among equal heights, first
/// come first served in raster order of the markers. Basins touch: there is no line between them.
/// Heights are compared in 4096 steps of their range: deterministic, linear in pixels.
inline void watershed(const cv::Mat& height, const cv::Mat& mask, cv::Mat& labels) {
  constexpr int steps = 4096;
  const int width = labels.cols, pixels = static_cast<int>(labels.total());
  const float* h = height.ptr<float>();
  const std::uint8_t* inside = mask.ptr();
  int* label = labels.ptr<int>();
  double highest = 0;
  cv::minMaxLoc(height, nullptr, &highest);
  const float scale = highest > 0 ? static_cast<float>((steps - 1) / highest) : 0.0f;

  std::vector<std::vector<int>> waiting(steps);
  int top = -1;
  const auto push = [&](int p, int no_higher_than) {
    const int step = std::clamp(static_cast<int>(h[p] * scale), 0, no_higher_than);
    waiting[static_cast<std::size_t>(step)].push_back(p);
    top = std::max(top, step);
  };
  for (int p = 0; p < pixels; ++p)
    if (label[p] != 0) push(p, steps - 1);
  std::vector<std::size_t> served(steps, 0);
  while (top >= 0) {
    auto& queue = waiting[static_cast<std::size_t>(top)];
    auto& next = served[static_cast<std::size_t>(top)];
    if (next == queue.size()) {
      queue.clear();
      next = 0;
      --top;
      continue;
    }
    const int p = queue[next++], x = p % width, level = top;
    const auto flood = [&](int q) {
      if (label[q] != 0 || inside[q] == 0) return;
      label[q] = label[p];
      push(q, level);
    };
    if (p >= width) flood(p - width);
    if (x > 0) flood(p - 1);
    if (x + 1 < width) flood(p + 1);
    if (p + width < pixels) flood(p + width);
  }
}

}  // namespace persense::classic
