// persense/regions/score_calibration.hpp: what a region's score is worth.
#pragma once

#include <algorithm>
#include <span>

namespace persense::regions {

/// A score as a stage computes it, and the part of instances with that score that are right: that
/// match a true object at IoU >= 0.5.
struct ScoreKnot {
  float raw = 0;
  float right = 0;
};

/// The calibrated score: linear between the knots, so that the order of scores stays.
/// @param knots  ascending in both, the first at 0 and the last at 1. None: the score as it is.
/// @par Source  this library; `persense_training.calibrate` fits the knots.
inline float calibrated(float score, std::span<const ScoreKnot> knots) {
  if (knots.empty()) return score;
  const float raw = std::clamp(score, knots.front().raw, knots.back().raw);
  const auto above = std::find_if(knots.begin() + 1, knots.end() - 1,
                                  [raw](const ScoreKnot& k) { return raw < k.raw; });
  const ScoreKnot &a = above[-1], &b = above[0];
  return a.right + (b.right - a.right) * (raw - a.raw) / (b.raw - a.raw);
}

}  // namespace persense::regions
