#include "experiment_measurements.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "persense/error.hpp"
#include "persense/eval/report.hpp"

namespace persense::eval {

namespace {

std::string label_of(const ExperimentRun& run) {
  return run.fold ? fmt::format("{} F{}", run.data_set, *run.fold) : run.data_set;
}

/// Of all runs of a variant over the folds of a data set.
Measured mean_over_folds(std::span<const ExperimentRun> runs, const std::string& data_set,
                         std::size_t variant) {
  Measured sums;
  double folds = 0;
  for (const ExperimentRun& run : runs) {
    if (run.data_set != data_set || run.variant != variant) continue;
    ++folds;
    for (const auto& [key, value] : run.mean) sums[key] += value;
  }
  for (auto& [key, value] : sums) value /= folds;
  return sums;
}

}  // namespace

std::vector<Measurements> measurements_of(const Experiment& experiment,
                                          std::span<const ExperimentRun> runs) {
  std::vector<Measurements> all;
  const auto with_label = [&](const std::string& label) -> Measurements& {
    const auto at = std::find_if(all.begin(), all.end(),
                                 [&](const Measurements& m) { return m.data_set == label; });
    if (at != all.end()) return *at;
    all.push_back({label, std::vector<Measured>(experiment.variants.size()), {}});
    return all.back();
  };
  std::string with_folds;
  const auto close_folds = [&] {
    if (with_folds.empty()) return;
    Measurements& mean = with_label(with_folds);
    for (std::size_t v = 0; v < mean.mean.size(); ++v)
      mean.mean[v] = mean_over_folds(runs, with_folds, v);
    with_folds.clear();
  };
  for (const ExperimentRun& run : runs) {
    if (!with_folds.empty() && run.data_set != with_folds) close_folds();
    Measurements& one = with_label(label_of(run));
    one.runs.resize(experiment.variants.size());
    one.runs.at(run.variant) = &run;
    one.mean.at(run.variant) = run.mean;
    if (run.fold) with_folds = run.data_set;
  }
  close_folds();
  return all;
}

std::string title_of_measure(std::string_view key, bool of_class) {
  if (key == "iou" && !of_class) return "mIoU %";
  if (key == "seconds") return "s / image";
  if (key == "memory_mb") return "memory MB";
  for (const ScoreName& name : score_names())
    if (name.key == key) return name.title + (name.is_part ? " %" : "");
  throw InvalidArgument(fmt::format("measure: got \"{}\", expected one of a report's", key));
}

Unit unit_of_measure(std::string_view key) {
  if (key == "memory_mb") return {1, 0};
  for (const ScoreName& name : score_names())
    if (name.key == key && name.is_part) return {100, 2};
  return {};
}

std::optional<double> shown_value(const Measured& measured, const std::string& key) {
  const auto at = measured.find(key);
  if (at == measured.end()) return std::nullopt;
  return at->second * unit_of_measure(key).factor;
}

std::vector<const Experiment::Published*> published_on(const Experiment& experiment,
                                                       const std::string& data_set,
                                                       const std::string& measure) {
  std::vector<const Experiment::Published*> columns;
  for (const auto& column : experiment.published)
    if (column.data_set == data_set && column.measure == measure) columns.push_back(&column);
  return columns;
}

std::string title_of(const Experiment& experiment, const Experiment::Published& column) {
  const auto alike = published_on(experiment, column.data_set, column.measure);
  return fmt::format("paper{} ({}, {})", alike.size() > 1 ? " " + column.name : "", column.data_set,
                     column.source);
}

}  // namespace persense::eval
