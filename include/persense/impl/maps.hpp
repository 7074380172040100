// persense/impl/maps.hpp: bodies of maps.hpp, which includes it unless they are compiled elsewhere.
#pragma once

#include <fmt/core.h>
#include <Eigen/Core>
#include <cmath>
#include <cstddef>
#include <opencv2/core/mat.hpp>
#include <string_view>

#include "persense/error.hpp"
#include "persense/geometry.hpp"
#include "persense/maps.hpp"

namespace persense {

PERSENSE_DECL FloatMapView as_map(const cv::Mat& mat) {
  if (mat.type() != CV_32FC1)
    throw InvalidArgument(fmt::format("map: got {} channels of {} bytes, expected 1 x float32",
                                      mat.channels(), mat.elemSize1()));
  return Eigen::Map<const FloatMap, 0, Eigen::OuterStride<>>(
      mat.ptr<float>(), mat.rows, mat.cols,
      Eigen::OuterStride<>(static_cast<Eigen::Index>(mat.step1())));
}

PERSENSE_DECL void require_finite(const FloatMapView& map, std::string_view name) {
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
