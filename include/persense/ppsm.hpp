// persense/ppsm.hpp: the Point Prompt Selection Module.
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

namespace persense {

/// What PPSM let through.
struct PpsmResult {
  std::vector<std::size_t> selected;  ///< indices into the candidates, ascending
  float threshold = 0;                ///< the similarity that was asked for
};

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

/// Keeps the candidates that are similar enough to the support object and lie in a detected box.
///
/// @param candidates  pixels of the similarity map's frame.
/// @param similarity  (H, W) float32, query against prototype. Borrowed for the call.
/// @param count       how many objects the density map estimates.
/// @param boxes       detections; a point on any of the four borders is inside.
/// @throws InvalidArgument  empty similarity or a candidate outside it; with Rules::paper, NaN or
///   infinity in the similarity or the count.
/// @par Rules  threshold = max similarity / (count / norm_const), eq. 6. Rules::paper keeps points
///   strictly above it (algorithm 3) and, where eq. 6 would ask for more than the maximum (a count
///   below norm_const), asks for half of it, as the released code does for a count of exactly 1.
///   Rules::reference keeps points at the threshold too, has that exception for count 1 alone, and
///   lets NaN in the map, a count of 0 or a negative count do what float32 arithmetic makes of
///   them.
/// @par Boxes  PromptSelection::boxes leaves the threshold out, as PerSense++ does.
/// @par Threads  Pure function; safe to call concurrently.
/// @par Source  PerSense section 3.3, eq. 6, algorithm 3 (which would list a point once per box:
///   one copy is kept here, as in the released code); `PerSense_modules.py`, `point_prompt_select`.
inline PpsmResult ppsm(std::span<const Point> candidates, const FloatMapView& similarity,
                       double count, std::span<const Box> boxes, const PpsmOptions& options = {}) {
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
