// persense/maps.hpp: dense float maps (density, similarity).
#pragma once

#include <fmt/core.h>

#include <Eigen/Core>
#include <cmath>
#include <cstddef>
#include <opencv2/core/mat.hpp>
#include <string_view>

#include "persense/error.hpp"
#include "persense/geometry.hpp"

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

}  // namespace persense
