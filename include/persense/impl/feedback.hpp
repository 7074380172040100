// persense/impl/feedback.hpp: bodies of feedback.hpp, which includes it unless they are compiled
// elsewhere.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <vector>

#include "persense/feedback.hpp"
#include "persense/geometry.hpp"
#include "persense/options.hpp"

namespace persense {

PERSENSE_DECL std::vector<Box> feedback(const Box& first, std::span<const ScoredBox> masks,
                                        const FeedbackOptions& options) {
  std::vector<std::size_t> order(masks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return masks[a].score > masks[b].score; });
  const auto shots = static_cast<std::size_t>(std::max(options.shots, 1));
  const bool reference = options.rules == Rules::reference;
  std::vector<Box> exemplars;
  if (reference || masks.empty()) exemplars.push_back(first);
  bool glued = false;  // the previous line had no line end, so this one is read as part of it
  for (const std::size_t i : order) {
    if (exemplars.size() >= shots) break;
    const bool known =
        std::find(exemplars.begin(), exemplars.end(), masks[i].box) != exemplars.end();
    if (reference ? !glued : !known) exemplars.push_back(masks[i].box);
    glued = i + 1 == masks.size();
  }
  return exemplars;
}

}  // namespace persense
