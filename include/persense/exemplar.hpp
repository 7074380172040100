// persense/exemplar.hpp: from detections to the positive location prior.
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "persense/geometry.hpp"
#include "persense/maps.hpp"
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
inline ExemplarCorners exemplar_corners(const Box& box, Size image) {
  const auto meets = [](float a, float b, int length) {
    return a <= b && b >= 0 && a < static_cast<float>(length);
  };
  if (!meets(box.x0, box.x1, image.width) || !meets(box.y0, box.y1, image.height))
    throw InvalidArgument(
        fmt::format("exemplar: box ({}, {}, {}, {}) has no pixel in the image of {}", box.x0,
                    box.y0, box.x1, box.y1, to_string(image)));
  const auto clip = [](float v, int length) {
    return std::clamp(double{v}, 0.0, static_cast<double>(length - 1));
  };
  ExemplarCorners c{clip(box.x0, image.width), clip(box.y0, image.height),
                    clip(box.x1 - 1, image.width), clip(box.y1 - 1, image.height)};
  c.last_x = std::max(c.first_x, c.last_x);
  c.last_y = std::max(c.first_y, c.last_y);
  return c;
}

/// The positive location prior: the pixel of the box that is most similar to the support object
/// (eq. 2; the first in raster order on ties), or the box's centre.
/// @throws InvalidArgument  the box lies outside the map.
/// @par Source  LocationPrior::box_center is what the released code does: coordinates truncated to
///   integers, centre by floor division. A centre outside the image is moved to its border.
inline Point location_prior(const FloatMapView& similarity, const Box& box, LocationPrior prior) {
  const Size size = size_of(similarity);
  if (prior == LocationPrior::box_center) {
    const auto middle = [](float a, float b) {
      return (static_cast<int>(a) + static_cast<int>(b)) >> 1;
    };
    return {std::clamp(middle(box.x0, box.x1), 0, size.width - 1),
            std::clamp(middle(box.y0, box.y1), 0, size.height - 1)};
  }
  const PixelBox pixels = pixels_of(box, size);
  if (pixels.empty())
    throw InvalidArgument(
        fmt::format("detection: box ({}, {}, {}, {}) lies outside the image of {}", box.x0, box.y0,
                    box.x1, box.y1, to_string(size)));
  Point best{pixels.x0, pixels.y0};  // Eigen's maxCoeff visits columns first
  for (int y = pixels.y0; y < pixels.y1; ++y)
    for (int x = pixels.x0; x < pixels.x1; ++x)
      if (similarity(y, x) > similarity(best.y, best.x)) best = {x, y};
  return best;
}

}  // namespace persense
