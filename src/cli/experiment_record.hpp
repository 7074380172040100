// experiment_record.hpp: one run of an experiment in a file: what was run, on what, what it gave.
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "dataset_scoring.hpp"
#include "persense/engine.hpp"
#include "persense/eval/experiment.hpp"

namespace persense::cli {

/// A data set, or one of its folds, as it was opened.
struct OpenedDataSet {
  std::string name;
  std::optional<int> fold;
  std::uint64_t seed = 0;
  eval::Dataset dataset;

  /// "COCO-20i F0".
  std::string label() const;
};

/// How it was run; decides nothing but the time it took.
struct RunConditions {
  int jobs = 1, threads = 0;
};

/// All that decides what a run gives. Runs with equal identities are the same.
/// @throws FileNotFound, Unreadable  a model.
nlohmann::ordered_json identity_of(const eval::Experiment::Variant& variant,
                                   const OpenedDataSet& set, const Stages& stages,
                                   const Options& options);

/// The text of a record.
std::string to_record(const nlohmann::ordered_json& identity, const RunConditions& conditions,
                      const DatasetScoring& scoring, const eval::Report& report);

/// Whether a file is the record of a run with this identity.
bool is_recorded(const std::filesystem::path& file, const nlohmann::ordered_json& identity);

/// @throws FileNotFound, Unreadable  not a record.
eval::ExperimentRun read_record(const std::filesystem::path& file, std::size_t variant,
                                const OpenedDataSet& set);

}  // namespace persense::cli
