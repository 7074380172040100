// Whether two results are one and the same, to the bit.
#pragma once

#include <algorithm>

#include "persense/result.hpp"

namespace persense::testing {

inline bool same(const Result& a, const Result& b) {
  const auto same_instance = [](const Instance& i, const Instance& j) {
    return i.mask.box == j.mask.box && i.mask.bits == j.mask.bits && i.point == j.point &&
           i.score == j.score && i.class_index == j.class_index;
  };
  const auto same_class = [](const ClassResult& i, const ClassResult& j) {
    return i.label == j.label && i.count == j.count && size_of(i.density) == size_of(j.density) &&
           (i.density == j.density).all();
  };
  return std::equal(a.instances.begin(), a.instances.end(), b.instances.begin(), b.instances.end(),
                    same_instance) &&
         std::equal(a.classes.begin(), a.classes.end(), b.classes.begin(), b.classes.end(),
                    same_class);
}

}  // namespace persense::testing
