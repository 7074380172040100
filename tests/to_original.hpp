// The reference's way of low-resolution maps to the image, pixel by pixel.
#pragma once

#include "persense/models/longest_side.hpp"
#include "persense/resize.hpp"

namespace persense::testing {

/// A square low-resolution map (logits, similarity) at image size: bilinear to target x target,
/// without the padding, bilinear to the image. What is computed of it elsewhere is compared with
/// this, and this with the reference's own output.
/// @par Source  segment-anything `postprocess_masks`.
inline FloatMap to_original(const LongestSide& frame, const FloatMapView& low_res) {
  const FloatMap square = resize_bilinear(low_res, {frame.target, frame.target});
  const Size inner = frame.input();
  return resize_bilinear(square.topLeftCorner(inner.height, inner.width), frame.original);
}

}  // namespace persense::testing
