// persense/feedback.hpp: which first-pass masks become the exemplars of the next density map.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <vector>

#include "persense/geometry.hpp"
#include "persense/options.hpp"

namespace persense {

/// A mask's tight box with the decoder's score.
struct ScoredBox {
  Box box;
  float score = 0;
};

/// The next exemplars: the top-k masks by score (eq. 7), highest first, ties in the order given.
///
/// @param first  the exemplar that came from the detector.
/// @param masks  the first pass's masks, in prompt order. May be empty.
/// @return  at most `options.shots` boxes; never none.
/// @par Rules  Rules::paper takes the k best masks, each box once, and `first` only when there is
///   no mask. Rules::reference always keeps `first` (whatever its score) and the k - 1 best,
///   repeats included. It also reproduces the text file of the released code: the last mask's line
///   has no line end, so after sorting, the line behind it is glued to it and lost.
/// @par Threads  Pure function; safe to call concurrently.
/// @par Source  PerSense section 3.4, eq. 7 with k = 4.
inline std::vector<Box> feedback(const Box& first, std::span<const ScoredBox> masks,
                                 const FeedbackOptions& options = {}) {
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
