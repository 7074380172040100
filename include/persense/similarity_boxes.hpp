// persense/similarity_boxes.hpp: boxes around what is similar, for detectors that find nothing.
#pragma once

#include <opencv2/core/mat.hpp>
#include <vector>

#include "persense/detail/decl.hpp"
#include "persense/maps.hpp"
#include "persense/result.hpp"

namespace persense {

namespace detail {

/// Where a similarity map stands out of the rest (Otsu's threshold): CV_8UC1, 0 or 255. Empty for a
/// map of one value.
PERSENSE_DECL cv::Mat standing_out(const FloatMapView& similarity);

}  // namespace detail

/// Boxes around the parts of a similarity map that stand out of the rest (Otsu's threshold), in
/// raster order of their first pixels; touching objects share one. Parts below a sixteenth of the
/// support object's area are left out. The confidence is the highest similarity inside, not below
/// 0. A map of one value has no such part.
/// @param diameter  of the support object, pixels. @param similarity  [-1, 1], at least 1 x 1.
/// @par Threads  Pure function; safe to call concurrently.
/// @par Source  this library.
PERSENSE_DECL std::vector<Detection> similarity_boxes(const FloatMapView& similarity,
                                                      float diameter);

}  // namespace persense

#ifndef PERSENSE_SEPARATE_COMPILATION
#include "persense/impl/similarity_boxes.hpp"
#endif
