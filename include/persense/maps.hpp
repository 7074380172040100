// persense/maps.hpp: dense float maps (density, similarity) and their bilinear resize.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include "persense/error.hpp"
#include "persense/geometry.hpp"
#include "persense/image.hpp"

namespace persense {

/// One float a pixel, (height, width), row-major.
using FloatMap = Eigen::Array<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
/// A borrowed FloatMap: any row-major float memory with contiguous rows, copied never.
using FloatMapView = Eigen::Ref<const FloatMap, 0, Eigen::OuterStride<>>;
/// Objects per pixel, every value >= 0; the sum estimates the count.
using DensityMap = FloatMap;

inline Size size_of(const FloatMapView& map) {
  return {static_cast<int>(map.cols()), static_cast<int>(map.rows())};
}

/// A cv::Mat header (CV_32FC1) over the map's memory. Nothing is copied; do not write through it.
inline cv::Mat as_mat(const FloatMapView& map) {
  return cv::Mat(static_cast<int>(map.rows()), static_cast<int>(map.cols()), CV_32FC1,
                 const_cast<float*>(map.data()),
                 static_cast<std::size_t>(map.outerStride()) * sizeof(float));
}

/// A view of a CV_32FC1 matrix. @throws InvalidArgument  another type.
inline FloatMapView as_map(const cv::Mat& mat) {
  if (mat.type() != CV_32FC1)
    throw InvalidArgument(fmt::format("map: got {} channels of {} bytes, expected 1 x float32",
                                      mat.channels(), mat.elemSize1()));
  return Eigen::Map<const FloatMap, 0, Eigen::OuterStride<>>(
      mat.ptr<float>(), mat.rows, mat.cols,
      Eigen::OuterStride<>(static_cast<Eigen::Index>(mat.step1())));
}

/// @throws InvalidArgument  the map holds NaN or infinity; the message names the map and the first
///   such pixel.
inline void require_finite(const FloatMapView& map, std::string_view name) {
  for (Eigen::Index y = 0; y < map.rows(); ++y) {
    // zero times anything finite is zero: one vectorised sum tells whether to look closer
    if ((map.row(y) * 0.0f).sum() == 0.0f) continue;
    for (Eigen::Index x = 0; x < map.cols(); ++x)
      if (!std::isfinite(map(y, x)))
        throw InvalidArgument(fmt::format("{}: value {} at x={}, y={}; expected finite values",
                                          name, map(y, x), x, y));
  }
}

namespace detail {

/// Where output samples fall between input samples along one axis: out[i] is
/// (1 - weight[i]) * in[first[i]] + weight[i] * in[second[i]].
struct LinearTaps {
  std::vector<int> first, second;
  std::vector<float> weight;
};

inline LinearTaps linear_taps(int from, int to) {
  LinearTaps taps{std::vector<int>(to), std::vector<int>(to), std::vector<float>(to)};
  const float scale = static_cast<float>(from) / static_cast<float>(to);
  for (int i = 0; i < to; ++i) {
    const float position = std::max(0.0f, scale * (static_cast<float>(i) + 0.5f) - 0.5f);
    const int below = std::min(static_cast<int>(position), from - 1);
    taps.first[i] = below;
    taps.second[i] = std::min(below + 1, from - 1);
    taps.weight[i] = position - static_cast<float>(below);
  }
  return taps;
}

}  // namespace detail

/// Bilinear resize, sample positions at half-pixel centres, edges clamped, no antialiasing.
/// @return (size.height, size.width) float32.
/// @par Source  the reference resizes logits and similarity with torch's bilinear `interpolate`,
///   `align_corners=False`; this follows that definition.
inline FloatMap resize_bilinear(const FloatMapView& map, Size size) {
  if (map.size() == 0 || size.width <= 0 || size.height <= 0)
    throw InvalidArgument(
        fmt::format("resize_bilinear: from {} to {}; expected sizes of at least 1 x 1",
                    to_string(size_of(map)), to_string(size)));
  const auto across = detail::linear_taps(static_cast<int>(map.cols()), size.width);
  const auto down = detail::linear_taps(static_cast<int>(map.rows()), size.height);
  FloatMap out(size.height, size.width);
  for (int y = 0; y < size.height; ++y) {
    const auto upper = map.row(down.first[y]);
    const auto lower = map.row(down.second[y]);
    const float v = down.weight[y];
    for (int x = 0; x < size.width; ++x) {
      const int a = across.first[x], b = across.second[x];
      const float u = across.weight[x];
      out(y, x) =
          (1 - v) * ((1 - u) * upper(a) + u * upper(b)) + v * ((1 - u) * lower(a) + u * lower(b));
    }
  }
  return out;
}

}  // namespace persense
