// persense/maps.hpp: dense float maps (density, similarity).
#pragma once

#include <fmt/core.h>

#include <Eigen/Core>
#include <cmath>
#include <cstddef>
#include <opencv2/core/mat.hpp>
#include <string_view>

#include "persense/detail/decl.hpp"
#include "persense/error.hpp"
#include "persense/geometry.hpp"
#include "persense/maps_fwd.hpp"

namespace persense {

static_assert(Eigen::Dynamic == -1 && Eigen::RowMajor == 1, "as maps_fwd.hpp has them");

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
PERSENSE_DECL FloatMapView as_map(const cv::Mat& mat);

/// @throws InvalidArgument  the map holds NaN or infinity; the message names the map and the first
///   such pixel.
PERSENSE_DECL void require_finite(const FloatMapView& map, std::string_view name);

}  // namespace persense

#ifndef PERSENSE_SEPARATE_COMPILATION
#include "persense/impl/maps.hpp"
#endif
