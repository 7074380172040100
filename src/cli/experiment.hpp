// experiment.hpp: the variants of an experiment file, each run over data sets and scored.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "dataset_flags.hpp"
#include "exit_code.hpp"
#include "experiment_record.hpp"
#include "option_flags.hpp"
#include "persense/eval/experiment.hpp"
#include "stage_flags.hpp"

namespace persense::cli {

struct ExperimentRequest {
  std::filesystem::path file;
  std::vector<std::string> data_sets;  ///< "[NAME=]PATH"
  std::filesystem::path folder;
  DatasetFlags dataset;  ///< for all of them
  StageFlags stages;
  OptionFlags options;  ///< below those of the variants
  int jobs = 1;
  bool resume = false;
};

/// Every run is a process of its own: its peak memory is its own, and one that runs out of memory
/// takes no other with it. This process has one thread.
class ExperimentRunner {
 public:
  /// @throws as read_experiment and open_dataset.
  explicit ExperimentRunner(const ExperimentRequest& request);
  Exit run();

 private:
  struct Run {
    std::size_t variant;
    const OpenedDataSet* set;
    std::size_t queries;
  };
  void open(const std::string& argument);
  void open_one(const DatasetFlags& flags, const std::string& name);
  std::vector<Run> runs() const;
  OptionFlags flags_of(const eval::Experiment::Variant& variant) const;
  std::filesystem::path record_of(const Run& run) const;
  Exit measure(const Run& run, std::size_t total, std::size_t already) const;
  void write(const std::vector<eval::ExperimentRun>& results) const;

  const ExperimentRequest& request_;
  const eval::Experiment experiment_;
  std::vector<OpenedDataSet> sets_;
};

}  // namespace persense::cli
