// experiment_measurements.hpp (private): runs of an experiment, by data set and variant.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "persense/eval/experiment.hpp"

namespace persense::eval {

/// All variants on a data set, on a fold of one, or on all folds of one (the mean of theirs).
struct Measurements {
  std::string data_set;                    ///< "COCO-20i F0", "COCO-20i"
  std::vector<Measured> mean;              ///< by variant
  std::vector<const ExperimentRun*> runs;  ///< by variant; empty: the mean of folds
};

/// In the order of the runs; of a data set with folds its mean follows them.
std::vector<Measurements> measurements_of(const Experiment& experiment,
                                          std::span<const ExperimentRun> runs);

/// As people read it: parts of 1 in percent.
struct Unit {
  double factor = 1;
  int digits = 2;
};
Unit unit_of_measure(std::string_view key);

/// In the measure's unit.
std::optional<double> shown_value(const Measured& measured, const std::string& key);

/// Published columns of a measure on a data set.
std::vector<const Experiment::Published*> published_on(const Experiment& experiment,
                                                       const std::string& data_set,
                                                       const std::string& measure);

/// How a published column is called: "paper, table 2b".
std::string title_of(const Experiment& experiment, const Experiment::Published& column);

}  // namespace persense::eval
