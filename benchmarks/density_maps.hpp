// benchmarks/density_maps.hpp: density maps by formula, like those a network gives.
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>

#include "persense/maps.hpp"

namespace persense::benchmarks {

/// A map of `objects` Gaussians of different size and strength on a jittered grid, over a faint
/// uneven ground. One object in nine stands close enough to the one on its left to run into it, so
/// that IDM has composite contours to split. The same arguments give the same map.
/// @param objects  about the map's sum; at least 1
/// @return (size.height, size.width)
inline DensityMap density_map(int objects, Size size, unsigned seed = 7) {
  std::mt19937 random(seed);
  const auto uniform = [&random](float low, float high) {
    return low + (high - low) * static_cast<float>(random() / 4294967296.0);
  };
  const float spacing = std::sqrt(static_cast<float>(size.pixels()) / static_cast<float>(objects));
  const int columns = std::max(1, static_cast<int>(std::lround(size.width / spacing)));
  const int rows = (objects + columns - 1) / columns;
  const float step_x = static_cast<float>(size.width) / static_cast<float>(columns);
  const float step_y = static_cast<float>(size.height) / static_cast<float>(rows);

  DensityMap map(size.height, size.width);
  const float ground = 0.02f / (spacing * spacing);
  for (float& value : map.reshaped()) value = uniform(0, ground);
  for (int i = 0; i < objects; ++i) {
    const bool close = i % 9 == 4;
    const float x = (static_cast<float>(i % columns) + (close ? -0.05f : 0.5f)) * step_x +
                    (close ? 0 : uniform(-0.1f, 0.1f) * spacing);
    const float y =
        (static_cast<float>(i / columns) + 0.5f) * step_y + uniform(-0.05f, 0.05f) * spacing;
    const float sigma = spacing * uniform(0.11f, 0.17f), reach = 4 * sigma;
    const float peak = uniform(0.7f, 1.2f) / (2 * std::numbers::pi_v<float> * sigma * sigma);
    const int x0 = std::max(0, static_cast<int>(x - reach));
    const int x1 = std::min(size.width, static_cast<int>(x + reach) + 1);
    const int y0 = std::max(0, static_cast<int>(y - reach));
    const int y1 = std::min(size.height, static_cast<int>(y + reach) + 1);
    for (int v = y0; v < y1; ++v)
      for (int u = x0; u < x1; ++u) {
        const float dx = static_cast<float>(u) - x, dy = static_cast<float>(v) - y;
        map(v, u) += peak * std::exp(-(dx * dx + dy * dy) / (2 * sigma * sigma));
      }
  }
  return map;
}

}  // namespace persense::benchmarks
