// persense/exemplar.hpp: from detections to the positive location prior.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>

#include "persense/detail/decl.hpp"
#include "persense/geometry.hpp"
#include "persense/maps_fwd.hpp"
#include "persense/options.hpp"
#include "persense/result.hpp"

namespace persense {

/// The most confident detection, the first one on ties; null when there is none.
inline const Detection* most_confident(std::span<const Detection> detections) {
  const auto best = std::max_element(detections.begin(), detections.end(),
                                     [](auto& a, auto& b) { return a.confidence < b.confidence; });
  return best == detections.end() ? nullptr : &*best;
}

/// The pixels of an image that a box touches; empty when it lies outside.
inline PixelBox pixels_of(const Box& box, Size image) {
  const auto clip = [](float v, int highest) {
    return static_cast<int>(std::clamp(v, 0.0f, static_cast<float>(highest)));
  };
  const PixelBox pixels{
      clip(std::floor(box.x0), image.width), clip(std::floor(box.y0), image.height),
      clip(std::ceil(box.x1), image.width), clip(std::ceil(box.y1), image.height)};
  return pixels.empty() ? PixelBox{} : pixels;
}

/// The centres of a box's first and last pixel, as the density networks take exemplars: whole
/// numbers where the box is on the pixel grid.
struct ExemplarCorners {
  double first_x = 0, first_y = 0, last_x = 0, last_y = 0;
};

/// What of an exemplar box lies in the image: at least one pixel, however small the box.
/// @throws InvalidArgument  the box lies outside the image, is inside out, or holds NaN.
PERSENSE_DECL ExemplarCorners exemplar_corners(const Box& box, Size image);

/// The positive location prior: the pixel of the box that is most similar to the support object
/// (eq. 2; the first in raster order on ties), or the box's centre.
/// @throws InvalidArgument  the box lies outside the map.
/// @par Source  LocationPrior::box_center is what the released code does: coordinates truncated to
///   integers, centre by floor division. A centre outside the image is moved to its border.
PERSENSE_DECL Point location_prior(const FloatMapView& similarity, const Box& box,
                                   LocationPrior prior);

}  // namespace persense

#ifndef PERSENSE_SEPARATE_COMPILATION
#include "persense/impl/exemplar.hpp"
#endif
