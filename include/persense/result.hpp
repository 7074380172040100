// persense/result.hpp: what a query gives back.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "persense/geometry.hpp"
#include "persense/maps.hpp"
#include "persense/mask.hpp"

namespace persense {

/// A box a detector found. `confidence` is in [0, 1].
struct Detection {
  Box box;
  float confidence = 0;
};

/// What a detector found for the class label, and for the phrase ("all potatoes").
/// A detector without a notion of text returns the same list twice.
struct Detections {
  std::vector<Detection> label;
  std::vector<Detection> phrase;
};

/// A decoder's answer to one prompt. The mask may be empty. `score` is the decoder's own estimate
/// of the mask's quality: in [0, 1], or a little beyond where a network predicts it.
struct ScoredMask {
  Mask mask;
  float score = 0;
};

/// One object found in the query image.
struct Instance {
  Mask mask;
  Box box;          ///< tight box of the mask, half-open
  Point point;      ///< the point prompt it grew from
  float score = 0;  ///< the decoder's: see ScoredMask
};

/// The steps a query goes through, for timings and progress.
enum class Step { encode, similarity, detect, exemplar, density, idm, ppsm, decode, instances };
inline constexpr std::size_t step_count = 9;
constexpr const char* name_of(Step step) {
  constexpr const char* names[step_count] = {"encode",   "similarity", "detect",
                                             "exemplar", "density",    "idm",
                                             "ppsm",     "decode",     "instances"};
  return names[static_cast<std::size_t>(step)];
}

/// Wall time in seconds, summed over the passes.
struct Timings {
  std::array<double, step_count> seconds{};
  double& operator[](Step step) { return seconds[static_cast<std::size_t>(step)]; }
  double operator[](Step step) const { return seconds[static_cast<std::size_t>(step)]; }
  double total() const {
    double sum = 0;
    for (double s : seconds) sum += s;
    return sum;
  }
};

/// One round of density -> IDM -> PPSM -> decode. There are 1 + feedback.iterations of them.
struct TracePass {
  std::vector<Box> exemplars;
  DensityMap density;             ///< as the DMG gave it
  std::vector<Point> candidates;  ///< IDM's
  std::vector<Point> prompts;     ///< what PPSM let through (or all candidates, see Result)
  std::vector<ScoredMask> masks;  ///< one a prompt
};

/// Every intermediate of the paper's figure 7, kept when RunOptions::trace asks for it.
struct Trace {
  FloatMap similarity;  ///< query size, [-1, 1]
  Detections detections;
  Point location_prior;
  ScoredMask exemplar_mask;
  std::vector<TracePass> passes;
};

/// Everything found in one query image.
struct Result {
  Size image_size;
  std::vector<Instance> instances;  ///< in the order of their prompts; the found count is its size
  double estimated_count = 0;       ///< sum of the last density map
  DensityMap density;               ///< the last density map
  Timings timings;
  bool ppsm_fallback = false;      ///< no candidate passed PPSM in the last pass, so all were kept
  std::vector<std::string> notes;  ///< one line each: what a user should know about this result
  std::optional<Trace> trace;

  std::size_t count() const { return instances.size(); }
};

}  // namespace persense
