// benchmarks/table.hpp: the medians of Google Benchmark's repetitions, and rows of one table.
#pragma once

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace persense::benchmarks {

/// One line of the table that run.sh prints.
struct Row {
  std::string what;
  std::string measured;
  std::string against = "";  ///< what it is compared with, and its figure
  std::string ratio = "";
  std::string wanted = "";
  std::optional<bool> reached = {};
};

/// Standard output carries rows and nothing else; run.sh puts the heading above them.
inline void print(const Row& row) {
  const char* const reached = !row.reached ? "" : *row.reached ? "yes" : "NO";
  fmt::print("| {:<44} | {:>9} | {:<29} | {:>5} | {:>9} | {:<3} |\n", row.what, row.measured,
             row.against, row.ratio, row.wanted, reached);
  std::fflush(stdout);
}

inline std::string time_text(double seconds) {
  return seconds >= 1 ? fmt::format("{:.2f} s", seconds) : fmt::format("{:.2f} ms", 1e3 * seconds);
}

/// Shows every run on standard error and keeps the medians over the repetitions (of one: itself).
class Medians : public benchmark::ConsoleReporter {
 public:
  Medians() : benchmark::ConsoleReporter(OO_Tabular) {
    SetOutputStream(&std::cerr);
    SetErrorStream(&std::cerr);
  }

  void ReportRuns(const std::vector<Run>& runs) override {
    benchmark::ConsoleReporter::ReportRuns(runs);
    for (const Run& run : runs)
      if (run.aggregate_name == "median" || run.repetitions == 1)
        medians_.insert_or_assign(run.run_name.function_name, run);
  }

  /// Seconds an iteration; nothing where the benchmark was filtered out.
  std::optional<double> seconds(const std::string& name) const {
    const auto found = medians_.find(name);
    if (found == medians_.end()) return {};
    return found->second.GetAdjustedRealTime() /
           benchmark::GetTimeUnitMultiplier(found->second.time_unit);
  }

  double counter(const std::string& name, const std::string& key) const {
    return medians_.at(name).counters.at(key);
  }

 private:
  std::map<std::string, Run> medians_;
};

/// Runs the registered benchmarks as these programs do by default: every repetition of all of them
/// in random order, so that a slow minute of the machine falls on all alike. Arguments win.
inline void run_interleaved(int argc, char** argv, const std::string& repetitions,
                            Medians& medians) {
  std::vector<std::string> words{argv[0], "--benchmark_enable_random_interleaving=true",
                                 "--benchmark_report_aggregates_only=true",
                                 "--benchmark_repetitions=" + repetitions,
                                 "--benchmark_min_time=0.02"};
  words.insert(words.end(), argv + 1, argv + argc);
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) std::exit(2);
  benchmark::RunSpecifiedBenchmarks(&medians);
}

}  // namespace persense::benchmarks
