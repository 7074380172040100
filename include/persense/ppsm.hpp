// persense/ppsm.hpp: the Point Prompt Selection Module.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "persense/detail/decl.hpp"
#include "persense/geometry.hpp"
#include "persense/maps_fwd.hpp"
#include "persense/options.hpp"

namespace persense {

/// What PPSM let through.
struct PpsmResult {
  std::vector<std::size_t> selected;  ///< indices into the candidates, ascending
  float threshold = 0;                ///< the similarity that was asked for
};

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
PERSENSE_DECL PpsmResult ppsm(std::span<const Point> candidates, const FloatMapView& similarity,
                              double count, std::span<const Box> boxes,
                              const PpsmOptions& options = {});

}  // namespace persense

#ifndef PERSENSE_SEPARATE_COMPILATION
#include "persense/impl/ppsm.hpp"
#endif
