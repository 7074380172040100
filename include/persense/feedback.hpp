// persense/feedback.hpp: which first-pass masks become the exemplars of the next density map.
#pragma once

#include <span>
#include <vector>

#include "persense/detail/decl.hpp"
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
PERSENSE_DECL std::vector<Box> feedback(const Box& first, std::span<const ScoredBox> masks,
                                        const FeedbackOptions& options = {});

}  // namespace persense

#ifndef PERSENSE_SEPARATE_COMPILATION
#include "persense/impl/feedback.hpp"
#endif
