// evaluation.hpp: a method is run over the queries of a data set, and what it finds is scored.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dataset_flags.hpp"
#include "dataset_scoring.hpp"
#include "exit_code.hpp"
#include "interrupt.hpp"
#include "persense/engine.hpp"
#include "persense/eval/dataset.hpp"
#include "persense/eval/html_report.hpp"
#include "persense/eval/reference_metric.hpp"
#include "persense/eval/reliability.hpp"
#include "persense/eval/report.hpp"
#include "stage_flags.hpp"

namespace persense::cli {

struct EvalRequest {
  DatasetFlags dataset;
  std::filesystem::path json, labels, page;
  StageFlags stages;
  OptionFlags options;
  ScoringRequest scoring;
  std::string intervals = "auto";
  bool reliability = false;
  bool released = false;
};

class Evaluation {
 public:
  explicit Evaluation(const EvalRequest& request);
  Exit run();

 private:
  void prepare();
  void process(const FoundQuery& found);
  void write_labels(const ScoredQuery& job, const Result& result) const;
  std::optional<eval::ReferencePixels> released(const ScoredQuery& job, const Result& result) const;
  void report();
  void write_page(const eval::Report& report);
  std::vector<std::pair<std::string, double>> released_ious() const;
  void write_json(const eval::Report& report, const std::vector<double>& seconds,
                  const eval::Reliability& reliability) const;

  const EvalRequest& request_;
  const Interrupt interrupt_;
  const eval::Dataset dataset_;  // before the engine, whose models take time to load
  const eval::Resample over_;
  const Engine engine_;
  DatasetScoring scoring_;
  std::optional<eval::HtmlReport> page_;
};

}  // namespace persense::cli
