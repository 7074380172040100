// persense/result.hpp: what a query gives back.
#pragma once

#include <fmt/core.h>

#include <algorithm>
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
  Box box;                      ///< tight box of the mask, half-open
  Point point;                  ///< the point prompt it grew from
  float score = 0;              ///< the decoder's: see ScoredMask
  std::size_t class_index = 0;  ///< into Result::classes
  bool touches_border = false;  ///< of the image: the object may go on beyond
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

/// What the query gave for one support.
struct ClassResult {
  std::string label;           ///< the support's; may be empty
  std::size_t count = 0;       ///< instances of this class
  double estimated_count = 0;  ///< sum of the last density map
  DensityMap density;          ///< the last density map
  bool ppsm_fallback = false;  ///< no candidate passed PPSM in the last pass, so all were kept
  std::optional<Trace> trace;
};

/// Everything found in one query image.
struct Result {
  Size image_size;
  /// In reading order: lines from top to bottom, each from left to right. An instance's id in the
  /// files is its index + 1.
  std::vector<Instance> instances;
  std::vector<ClassResult> classes;  ///< one for each support that was asked for, in their order
  Timings timings;                   ///< of all classes
  std::vector<std::string> notes;    ///< one line each: what a user should know about this result

  std::size_t count() const { return instances.size(); }
  /// Of all classes.
  double estimated_count() const {
    double sum = 0;
    for (const ClassResult& c : classes) sum += c.estimated_count;
    return sum;
  }
  /// How far the number of instances and the density's sum agree: the smaller over the larger, 0
  /// to 1; of several classes, the least. Masks and mass are counted in different ways, so a count
  /// that both give is more likely right. 1 where neither says that there is an object. Instances
  /// that a filter or a region leaves out are missing from one of the two.
  double count_confidence() const {
    double least = 1;
    for (const ClassResult& c : classes) {
      const auto found = static_cast<double>(c.count);
      const double more = std::max(found, c.estimated_count);
      if (more >= 0.5)
        least = std::min(least, std::max(0.0, std::min(found, c.estimated_count) / more));
    }
    return least;
  }
  /// Of the only class, or the first one. @pre there is one, as in every result of this library.
  const DensityMap& density() const { return classes.front().density; }
  const std::optional<Trace>& trace() const { return classes.front().trace; }
  bool ppsm_fallback() const { return classes.front().ppsm_fallback; }
};

/// What a result says of one class: its instances, its map, its trace; the times are those of all.
/// @throws InvalidArgument  no such class.
inline Result of_class(const Result& result, std::size_t index) {
  if (index >= result.classes.size())
    throw InvalidArgument(fmt::format("class: got {}, expected less than the result's {}", index,
                                      result.classes.size()));
  Result part{result.image_size, {}, {result.classes[index]}, result.timings, result.notes};
  for (const Instance& instance : result.instances) {
    if (instance.class_index != index) continue;
    part.instances.push_back(instance);
    part.instances.back().class_index = 0;
  }
  return part;
}

}  // namespace persense
