// The border of a mask as polygons along the edges of its pixels.
#pragma once

#include <vector>

#include "persense/geometry.hpp"
#include "persense/image.hpp"
#include "persense/mask.hpp"

namespace persense::io::detail {

/// A closed polygon; pixel (0, 0) covers 0 <= x <= 1 and 0 <= y <= 1.
using Ring = std::vector<Point>;

/// Outer borders of a mask's 8-connected parts clockwise (as seen, y down), holes
/// counter-clockwise. The pixels inside all of them (even-odd rule) are the mask's. OpenCV's
/// contours run through the centres of pixels, so that what is inside of them is another mask.
std::vector<Ring> outlines(MaskView mask);

/// The same of a mask, in pixels of its image; none of an empty one.
std::vector<Ring> outlines_of(const Mask& mask);

/// The outer border of a part, then its holes'.
using Part = std::vector<Ring>;

/// The outlines of a mask's 4-connected parts, in pixels of its image. No ring meets itself, and
/// rings meet at single corners at most, as geometry libraries want polygons to be.
std::vector<Part> parts_of(const Mask& mask);

/// Fewer of a ring's corners, those left out at most `tolerance` away (Douglas and Peucker 1973).
/// At least three stay. cv::approxPolyDP leaves two of small rings.
Ring simplified(const Ring& ring, double tolerance);

/// A polygon, clockwise, for each part of a mask, in pixels of its image; holes are filled. Of the
/// corners those are left out that are at most `tolerance` pixels away; 0 keeps all, and so do
/// parts so small that they would change by more than a tenth of their area.
std::vector<Ring> polygons_of(const Mask& mask, double tolerance);

}  // namespace persense::io::detail
