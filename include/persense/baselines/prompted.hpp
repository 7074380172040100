// persense/baselines/prompted.hpp: what the methods share that prompt a decoder at points, without
// density map and PPSM.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "persense/instances.hpp"
#include "persense/maps.hpp"
#include "persense/options.hpp"
#include "persense/pipeline_steps.hpp"
#include "persense/result.hpp"
#include "persense/stages.hpp"

namespace persense::detail {

/// Fills the result of such a method: the instances, and a density map that is 1 at the point of
/// each, so that its sum is their number. The trace gets one pass, without exemplars.
/// @param candidates  points that were considered. @param prompts, masks  those that were taken.
inline void conclude(const std::vector<Point>& candidates, std::span<const Prompt> prompts,
                     std::vector<ScoredMask> masks, Size image, const InstanceOptions& options,
                     StepClock& clock, ClassFound& found) {
  ClassResult& result = found.result;
  TracePass pass;
  if (result.trace) {
    pass.masks = masks;
    pass.candidates = candidates;
    for (const Prompt& prompt : prompts) pass.prompts.push_back(prompt.point);
  }
  found.instances = clock.timed(Step::instances,
                                [&] { return make_instances(prompts, std::move(masks), options); });
  result.density = DensityMap::Zero(image.height, image.width);
  for (const Instance& i : found.instances) result.density(i.point.y, i.point.x) += 1;
  result.estimated_count = static_cast<double>(found.instances.size());
  if (!result.trace) return;
  pass.density = result.density;
  result.trace->passes.push_back(std::move(pass));
}

}  // namespace persense::detail
