// evaluation.hpp: a method is run over the queries of a data set, and what it finds is scored.
#pragma once

#include <atomic>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "console.hpp"
#include "dataset_flags.hpp"
#include "exit_code.hpp"
#include "interrupt.hpp"
#include "persense/engine.hpp"
#include "persense/eval/dataset.hpp"
#include "persense/eval/marks.hpp"
#include "persense/eval/metrics.hpp"
#include "persense/eval/reference_metric.hpp"
#include "persense/eval/reliability.hpp"
#include "persense/eval/report.hpp"
#include "persense/io/images.hpp"
#include "stage_flags.hpp"

namespace persense::cli {

struct EvalRequest {
  DatasetFlags dataset;
  std::filesystem::path json, labels;
  StageFlags stages;
  OptionFlags options;
  std::string mark = "mask", intervals = "auto";
  std::size_t most = 0;  // of the objects that count for the average precision; 0: all
  int examples = 0;      // 0: the support alone, and every query is scored
  bool reliability = false;
  bool released = false;
  int jobs = 1;
};

/// One query and what became of it.
struct ScoredQuery {
  const eval::DatasetClass* of_class;
  const eval::DatasetQuery* query;
  eval::ImageScore score{};
  eval::Reliability reliability{};
  std::optional<eval::ReferencePixels> released{};
  double seconds = 0;
};

class Evaluation {
 public:
  explicit Evaluation(const EvalRequest& request);
  Exit run();

 private:
  /// A support with the window of its image's deep pixels, which its queries are read through.
  struct Prepared {
    EngineSupport support;
    std::optional<io::Window> window;
  };
  void prepare();
  Prepared prepare(const eval::DatasetClass& c, std::size_t support) const;
  std::vector<cv::Mat> further_examples(const eval::DatasetClass& c) const;
  void process(ScoredQuery& job, const std::stop_token& stop);
  void write_labels(const ScoredQuery& job, const Result& result) const;
  std::optional<eval::ReferencePixels> released(const ScoredQuery& job, const Result& result) const;
  eval::Report report_of_all() const;
  void report() const;
  std::vector<std::pair<std::string, double>> released_ious() const;
  void write_json(const eval::Report& report, const std::vector<double>& seconds,
                  const eval::Reliability& reliability) const;

  const EvalRequest& request_;
  const eval::MarkKind mark_;
  const Interrupt interrupt_;
  const eval::Dataset dataset_;  // before the engine, whose models take time to load
  const eval::Resample over_;
  const Engine engine_;
  std::vector<std::optional<Prepared>> shared_;  // of the classes with one support
  std::vector<ScoredQuery> jobs_;
  std::optional<Progress> progress_;
};

}  // namespace persense::cli
