// How much of two masks is the same.
#pragma once

#include "persense/mask.hpp"

namespace persense::test {

/// Intersection over union.
inline double overlap(const Mask& a, const Mask& b) {
  const auto shared = static_cast<double>(intersection_area(a, b));
  return shared / (static_cast<double>(a.area() + b.area()) - shared);
}

}  // namespace persense::test
