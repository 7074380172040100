// persense/resize.hpp: float maps and 8-bit images in another size, each as the library that the
// reference uses there does it.
#pragma once

#include <opencv2/core/mat.hpp>

#include "persense/detail/decl.hpp"
#include "persense/geometry.hpp"
#include "persense/maps.hpp"

namespace persense {

/// Bilinear resize, sample positions at half-pixel centres, edges clamped, no antialiasing.
/// @return (size.height, size.width) float32.
/// @par Source  the reference resizes logits and similarity with torch's bilinear `interpolate`,
///   `align_corners=False`; this follows that definition.
PERSENSE_DECL FloatMap resize_bilinear(const FloatMapView& map, Size size);

/// Resizes a float map with an antialiased triangle filter; equal to the bilinear resize where the
/// map grows.
/// @return  (size.height, size.width) float32.
/// @par Source  torch's bilinear `interpolate` with `antialias=True`, as torchvision resizes
///   tensors by default from 0.17 on.
PERSENSE_DECL FloatMap resize_antialiased(const FloatMapView& map, Size size);

/// Resizes an 8-bit image (one to four channels) with an antialiased triangle filter, columns
/// after rows, rounding to 8 bits in between. Rows are shared between OpenCV's threads.
/// @par Source  Pillow's `resize(BILINEAR)`, which the reference uses before every encoder; equal
///   to it byte for byte.
PERSENSE_DECL cv::Mat resize_antialiased(const cv::Mat& image, Size size);

}  // namespace persense

#ifndef PERSENSE_SEPARATE_COMPILATION
#include "persense/impl/resize.hpp"
#endif
