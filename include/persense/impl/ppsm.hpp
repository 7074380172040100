// persense/impl/ppsm.hpp: bodies of ppsm.hpp, which includes it unless they are compiled elsewhere.
#pragma once

#include <fmt/core.h>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "persense/geometry.hpp"
#include "persense/maps.hpp"
#include "persense/options.hpp"
#include "persense/ppsm.hpp"

namespace persense {

namespace detail {

/// object count / norm constant: what the highest similarity is divided by (eq. 6).
inline float ppsm_divisor(double count, const PpsmOptions& options) {
  // the released code's repair of the single object, which eq. 6 would ask for more than the
  // maximum
  constexpr float single_object_divisor = 2.0f;
  if (count == 1) return single_object_divisor;
  const float divisor = static_cast<float>(count) / options.norm_const;
  if (options.rules == Rules::paper && divisor < 1) return single_object_divisor;
  return divisor;
}

inline bool inside_any(Point p, std::span<const Box> boxes) {
  const auto x = static_cast<float>(p.x), y = static_cast<float>(p.y);
  return std::any_of(boxes.begin(), boxes.end(), [x, y](const Box& b) {
    return b.x0 <= x && x <= b.x1 && b.y0 <= y && y <= b.y1;
  });
}

}  // namespace detail

PERSENSE_DECL PpsmResult ppsm(std::span<const Point> candidates, const FloatMapView& similarity,
                              double count, std::span<const Box> boxes,
                              const PpsmOptions& options) {
  if (similarity.size() == 0) throw InvalidArgument("ppsm: similarity map is empty");
  for (const Point p : candidates)
    if (p.x < 0 || p.y < 0 || p.x >= similarity.cols() || p.y >= similarity.rows())
      throw InvalidArgument(fmt::format("ppsm: candidate at x={}, y={}; the similarity map is {}",
                                        p.x, p.y, to_string(size_of(similarity))));
  const bool paper = options.rules == Rules::paper;
  if (paper) require_finite(similarity, "similarity map");
  if (paper && !std::isfinite(count))
    throw InvalidArgument(fmt::format("ppsm: count is {}, expected a finite number", count));

  const float highest = paper ? similarity.maxCoeff() : similarity.maxCoeff<Eigen::PropagateNaN>();
  PpsmResult result;
  result.threshold = options.selection == PromptSelection::on
                         ? highest / detail::ppsm_divisor(count, options)
                         : -std::numeric_limits<float>::infinity();
  const auto is_similar = [&](Point p) {
    const float value = similarity(p.y, p.x);
    return options.selection != PromptSelection::on ||
           (paper ? value > result.threshold : value >= result.threshold);
  };
  for (std::size_t i = 0; i < candidates.size(); ++i)
    if (options.selection == PromptSelection::off ||
        (is_similar(candidates[i]) && detail::inside_any(candidates[i], boxes)))
      result.selected.push_back(i);
  return result;
}

}  // namespace persense
