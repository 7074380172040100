#include "item.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace persense::scenes::detail {

Item make_item(const Body& body, float diameter, float turns) {
  constexpr int grid = 64;
  constexpr float half = 1.6f, step = 2 * half / grid;
  float sum_u = 0, sum_v = 0, low_u = half, high_u = -half, low_v = half, high_v = -half;
  int inside = 0;
  for (int i = 0; i < grid; ++i) {
    for (int j = 0; j < grid; ++j) {
      const float u = (static_cast<float>(j) + 0.5f) * step - half,
                  v = (static_cast<float>(i) + 0.5f) * step - half;
      if (outline_value(body, u, v) > 0) continue;
      ++inside;
      sum_u += u;
      sum_v += v;
      low_u = std::min(low_u, u);
      high_u = std::max(high_u, u);
      low_v = std::min(low_v, v);
      high_v = std::max(high_v, v);
    }
  }
  Item item;
  item.body = body;
  const auto cells = static_cast<float>(std::max(inside, 1));
  item.unit = diameter * std::sqrt(std::numbers::pi_v<float> / 4 / (cells * step * step));
  item.middle_u = sum_u / cells;
  item.middle_v = sum_v / cells;
  item.cosine = cosine_of_turns(turns);
  item.sine = sine_of_turns(turns);
  // Thin parts can end up to a cell beyond the outermost cell centre inside.
  const float reach_u =
      (std::max(high_u - item.middle_u, item.middle_u - low_u) + 1.5f * step) * item.unit;
  const float reach_v =
      (std::max(high_v - item.middle_v, item.middle_v - low_v) + 1.5f * step) * item.unit;
  item.reach_x = std::abs(item.cosine) * reach_u + std::abs(item.sine) * reach_v + 1;
  item.reach_y = std::abs(item.sine) * reach_u + std::abs(item.cosine) * reach_v + 1;
  return item;
}

Silhouette silhouette_of(const Item& item) {
  Silhouette result;
  const cv::Rect box = item.box();
  for (int y = box.y; y < box.y + box.height; ++y) {
    bool open = false;
    for (int x = box.x; x < box.x + box.width; ++x) {
      const bool inside = item.outline_at(static_cast<float>(x), static_cast<float>(y)) <= 0;
      if (inside && !open) result.runs.push_back({y, x, x});
      if (inside) {
        result.runs.back().end = x + 1;
        ++result.area;
        result.sum_x += x;
        result.sum_y += y;
      }
      open = inside;
    }
  }
  return result;
}

}  // namespace persense::scenes::detail
