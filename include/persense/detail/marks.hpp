// persense/detail/marks.hpp: checks a user's marks, and makes masks of those that say every pixel.
#pragma once

#include <opencv2/core/mat.hpp>
#include <string>

#include "persense/detail/decl.hpp"
#include "persense/example.hpp"
#include "persense/geometry.hpp"

namespace persense::detail {

PERSENSE_DECL std::string to_string(const Box& b);

/// @throws InvalidArgument  a box that has no pixel in the image.
PERSENSE_DECL void check_box(const Box& box, Size image);

/// @throws InvalidArgument  a point outside of the image.
PERSENSE_DECL void check_point(Point point, Size image);

/// @throws InvalidArgument  a vertex that is not finite, or far outside of any image.
PERSENSE_DECL void check_vertices(const Polygon& polygon, const char* name);

/// The pixels whose centre lies in a polygon of finite vertices (even-odd rule), which may be none:
/// CV_8UC1, 0 or 255.
PERSENSE_DECL cv::Mat filled(const Polygon& polygon, Size image);

/// What `filled` gives for a polygon that marks an object.
/// @throws InvalidArgument  fewer than three vertices, one that is not finite, or no pixel.
PERSENSE_DECL cv::Mat mask_of(const Polygon& polygon, Size image);

/// One object of a label image: CV_8UC1, 0 or 255.
/// @throws InvalidArgument  another type or size, or an id that no pixel has.
PERSENSE_DECL cv::Mat mask_of(const LabelId& mark, Size image);

/// The ellipse that touches a box's four sides, clipped to the image: what a box says of an object
/// before anybody has looked. CV_8UC1, 0 or 255; never empty.
PERSENSE_DECL cv::Mat ellipse_in(const Box& box, Size image);

}  // namespace persense::detail

#ifndef PERSENSE_SEPARATE_COMPILATION
#include "persense/impl/marks.hpp"
#endif
