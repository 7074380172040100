// persense/impl/exemplar.hpp: bodies of exemplar.hpp, which includes it unless they are compiled
// elsewhere.
#pragma once

#include <fmt/core.h>
#include <algorithm>
#include <cmath>
#include <span>

#include "persense/exemplar.hpp"
#include "persense/geometry.hpp"
#include "persense/maps.hpp"
#include "persense/options.hpp"
#include "persense/result.hpp"

namespace persense {

PERSENSE_DECL ExemplarCorners exemplar_corners(const Box& box, Size image) {
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

PERSENSE_DECL Point location_prior(const FloatMapView& similarity, const Box& box,
                                   LocationPrior prior) {
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
