// dataset_scoring.hpp: an engine is asked about the queries of a data set, and what it finds
// scored.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "console.hpp"
#include "persense/engine.hpp"
#include "persense/eval/dataset.hpp"
#include "persense/eval/marks.hpp"
#include "persense/eval/metrics.hpp"
#include "persense/eval/reference_metric.hpp"
#include "persense/eval/reliability.hpp"
#include "persense/eval/report.hpp"
#include "persense/eval/truth.hpp"
#include "persense/io/images.hpp"

namespace persense::cli {

/// How supports are marked, and what is scored.
struct ScoringRequest {
  std::string mark = "mask";
  int examples = 0;      // 0: the support alone, and every query is scored
  std::size_t most = 0;  // of the objects that count for the average precision; 0: all
  int jobs = 1;
  bool notes = true;   // what the results say of themselves is printed
  bool trace = false;  // the results have one
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

/// A query that was just scored. Everything is borrowed.
struct FoundQuery {
  std::size_t place;  // in DatasetScoring::queries
  ScoredQuery& query;
  const EngineSupport& support;
  const Image& image;
  const eval::Truth& truth;
  const Result& result;
};

/// Nothing is printed but progress. Data set and engine must outlive it.
class DatasetScoring {
 public:
  /// Is called once for each query, from several threads at once where there are several jobs.
  using OnResult = std::function<void(const FoundQuery&)>;

  /// @throws InvalidArgument  a kind of mark that is none.
  DatasetScoring(const eval::Dataset& dataset, const Engine& engine, const ScoringRequest& request);

  /// Prepares the supports of the classes that have one; with many, each is made when its query is
  /// there. Call it once, before `run`.
  /// @throws InvalidArgument  a support without an object, too few examples.
  void prepare();

  /// Any unreadable image ends it: scores over part of a data set would mislead.
  /// @throws Cancelled  `stop` was requested before the end.
  void run(Progress& progress, const std::stop_token& stop, const OnResult& on_result = {});

  const std::vector<ScoredQuery>& queries() const { return queries_; }

  /// Seconds for an image of one class, or of all (null): reading and writing not counted.
  double seconds_per_image(const eval::DatasetClass* of_class) const;

  std::vector<eval::ScoredClass> classes() const;
  eval::Report report(eval::Resample over, std::uint64_t seed) const;

 private:
  /// A support with the window of its image's deep pixels, which its queries are read through.
  struct Prepared {
    EngineSupport support;
    std::optional<io::Window> window;
  };
  Prepared prepare(const eval::DatasetClass& c, std::size_t support) const;
  std::vector<cv::Mat> further_examples(const eval::DatasetClass& c) const;
  void process(ScoredQuery& query, Progress& progress, const std::stop_token& stop,
               const OnResult& on_result) const;

  const eval::Dataset& dataset_;
  const Engine& engine_;
  const ScoringRequest request_;
  const eval::MarkKind mark_;
  std::vector<std::optional<Prepared>> shared_;  // of the classes with one support
  std::vector<ScoredQuery> queries_;
};

}  // namespace persense::cli
