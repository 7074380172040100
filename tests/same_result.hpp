// Whether two results are one and the same, to the bit.
#pragma once

#include <algorithm>

#include "persense/result.hpp"

namespace persense::testing {

inline bool same(const Result& a, const Result& b) {
  const auto same_instance = [](const Instance& i, const Instance& j) {
    return i.mask.box == j.mask.box && i.mask.bits == j.mask.bits && i.point == j.point &&
           i.score == j.score;
  };
  return std::equal(a.instances.begin(), a.instances.end(), b.instances.begin(), b.instances.end(),
                    same_instance) &&
         size_of(a.density) == size_of(b.density) && (a.density == b.density).all();
}

}  // namespace persense::testing
