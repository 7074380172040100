// persense/eval/reliability.hpp: what a score is worth.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "persense/eval/metrics.hpp"
#include "persense/result.hpp"

namespace persense::eval {

/// For each tenth of the scores, how many instances have such a score and how many of them match a
/// true object at IoU >= 0.5. A score is reliable when the part that matches is about the score.
struct Reliability {
  struct Bin {
    std::int64_t instances = 0;
    std::int64_t matched = 0;
    double score_sum = 0;
  };
  std::array<Bin, 10> bins{};  ///< scores 0 to 0.1, ..., 0.9 to 1; those beyond in the outer ones

  /// Adds an image's instances.
  /// @param score  of the label image of these instances: instance i has the label i + 1.
  void add(std::span<const Instance> instances, const ImageScore::Instances& score);
  void add(const Reliability& other);
};

/// A table for people: a line a bin.
std::string to_table(const Reliability& reliability);

/// A list of {"from", "to", "instances", "matched", "precision", "mean_score"}; the last two are
/// null where a bin is empty.
std::string to_json(const Reliability& reliability);

}  // namespace persense::eval
