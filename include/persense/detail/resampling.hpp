// persense/detail/resampling.hpp: which input samples an output sample is made of, and with what
// weights, when an axis is resampled. One rule for each library whose results are reproduced; they
// differ in the last bits, and those decide on which side of a threshold a pixel falls.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace persense::detail {

/// Where output samples fall between two input samples along one axis, edges clamped: out[i] is
/// (1 - weight[i]) * in[first[i]] + weight[i] * in[second[i]].
struct LinearTaps {
  std::vector<int> first, second;
  std::vector<float> weight;

  explicit LinearTaps(int to)
      : first(static_cast<std::size_t>(to)),
        second(static_cast<std::size_t>(to)),
        weight(static_cast<std::size_t>(to)) {}
};

/// PyTorch's `interpolate(mode="bilinear", align_corners=False)`: positions in float32.
inline LinearTaps pytorch_bilinear(int from, int to) {
  LinearTaps taps(to);
  const float scale = static_cast<float>(from) / static_cast<float>(to);
  for (int i = 0; i < to; ++i) {
    const float position = std::max(0.0f, scale * (static_cast<float>(i) + 0.5f) - 0.5f);
    const int below = std::min(static_cast<int>(position), from - 1);
    const auto n = static_cast<std::size_t>(i);
    taps.first[n] = below;
    taps.second[n] = std::min(below + 1, from - 1);
    taps.weight[n] = position - static_cast<float>(below);
  }
  return taps;
}

/// OpenCV's `resize(INTER_LINEAR)` of float32: positions in double, weights in float32.
inline LinearTaps opencv_bilinear(int from, int to) {
  LinearTaps taps(to);
  const double scale = static_cast<double>(from) / to;
  for (int i = 0; i < to; ++i) {
    float position = std::max(0.0f, static_cast<float>((i + 0.5) * scale - 0.5));
    int below = static_cast<int>(position);
    position -= static_cast<float>(below);
    if (below >= from - 1) below = from - 1, position = 0;
    const auto n = static_cast<std::size_t>(i);
    taps.first[n] = below;
    taps.second[n] = std::min(below + 1, from - 1);
    taps.weight[n] = position;
  }
  return taps;
}

/// The input samples under the triangle of one output sample, as wide as the axis is shrunk: what
/// Pillow calls BILINEAR, and PyTorch bilinear with `antialias=True`.
struct TriangleWindow {
  int begin = 0;
  std::vector<double> weights;  ///< of samples from `begin` on; their sum is not 1

  TriangleWindow(int from, int to, int output) {
    const double scale = static_cast<double>(from) / to, reach = std::max(scale, 1.0);
    const double center = (output + 0.5) * scale;
    begin = std::max(static_cast<int>(center - reach + 0.5), 0);
    const int end = std::min(static_cast<int>(center + reach + 0.5), from);
    for (int x = begin; x < end; ++x)
      weights.push_back(std::max(0.0, 1.0 - std::abs((x - center + 0.5) / reach)));
  }
};

/// Pillow's `resize(BILINEAR)` of 8-bit samples along one axis: triangles in its fixed point.
struct PillowTaps {
  static constexpr int precision_bits = 32 - 8 - 2;
  static constexpr int half = 1 << (precision_bits - 1);  ///< what a sum of products begins with
  std::vector<int> first;                                 ///< of each output's input samples
  std::vector<std::vector<int>> weights;                  ///< of them, in fixed point

  PillowTaps(int from, int to) {
    for (int i = 0; i < to; ++i) {
      const TriangleWindow window(from, to, i);
      double sum = 0;
      for (const double w : window.weights) sum += w;
      auto& fixed = weights.emplace_back();
      for (const double w : window.weights)
        fixed.push_back(static_cast<int>(0.5 + w / sum * (1 << precision_bits)));
      first.push_back(window.begin);
    }
  }

  static std::uint8_t rounded(int sum) {
    return static_cast<std::uint8_t>(std::clamp(sum >> precision_bits, 0, 255));
  }
};

}  // namespace persense::detail
