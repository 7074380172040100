#include "watershed.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace persense::regions {

void watershed(const cv::Mat& height, const cv::Mat& mask, cv::Mat& labels) {
  constexpr int steps = 1024;
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
  const auto for_neighbours = [&](int p, auto&& visit) {
    const int x = p % width;
    if (p >= width) visit(p - width);
    if (x > 0) visit(p - 1);
    if (x + 1 < width) visit(p + 1);
    if (p + width < pixels) visit(p + width);
  };
  const auto can_flood = [&](int q) { return label[q] == 0 && inside[q] != 0; };
  for (int p = 0; p < pixels; ++p) {
    if (label[p] == 0) continue;
    bool at_boundary = false;
    for_neighbours(p, [&](int q) { at_boundary |= can_flood(q); });
    if (at_boundary) push(p, steps - 1);
  }
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
    const int p = queue[next++], level = top;
    for_neighbours(p, [&](int q) {
      if (!can_flood(q)) return;
      label[q] = label[p];
      push(q, level);
    });
  }
}

}  // namespace persense::regions
