// persense/instances.hpp: from decoded masks to the objects that are reported.
#pragma once

#include <algorithm>
#include <numeric>
#include <span>
#include <vector>

#include "persense/options.hpp"
#include "persense/result.hpp"
#include "persense/stages.hpp"

namespace persense {

/// One instance for each mask that is not empty and does not repeat a better one.
///
/// A repeat shares more than `options.duplicate_overlap` of the smaller mask's area with a mask of
/// higher score (earlier prompt on ties). Order of the prompts is kept.
/// @par Source  this library: the paper's output is the union of all masks, where repeats do not
/// show.
inline std::vector<Instance> make_instances(std::span<const Prompt> prompts,
                                            std::vector<ScoredMask> masks,
                                            const InstanceOptions& options = {}) {
  std::vector<std::int64_t> area(masks.size());
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < masks.size(); ++i)
    if ((area[i] = masks[i].mask.area()) > 0) order.push_back(i);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return masks[a].score > masks[b].score; });
  std::vector<std::size_t> kept;
  for (const std::size_t i : order) {
    const bool repeat = std::any_of(kept.begin(), kept.end(), [&](std::size_t j) {
      if (intersection(masks[i].mask.box, masks[j].mask.box).empty()) return false;
      const auto shared = static_cast<float>(intersection_area(masks[i].mask, masks[j].mask));
      return shared > options.duplicate_overlap * static_cast<float>(std::min(area[i], area[j]));
    });
    if (!repeat) kept.push_back(i);
  }
  std::sort(kept.begin(), kept.end());
  std::vector<Instance> instances;
  instances.reserve(kept.size());
  for (const std::size_t i : kept) {
    const auto box = static_cast<Box>(masks[i].mask.box);
    instances.push_back({std::move(masks[i].mask), box, prompts[i].point, masks[i].score});
  }
  return instances;
}

}  // namespace persense
