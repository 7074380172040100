// persense/eval/experiment.hpp: an experiment as one declarative file: which variants of the method
// are run, what is measured, and what has been published about the same. And its tables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "persense/io/plot.hpp"

namespace persense::eval {

/// The version of experiment files that this library reads.
inline constexpr int experiment_format = 1;

/// An experiment; see benchmarks/experiments/README.md for the members of its file.
struct Experiment {
  /// A data set that the experiment names, so that it is opened as it is meant to be.
  struct DataSet {
    std::string name;
    std::string format = "auto";  ///< see format_of
    int folds = 0;                ///< each is run, and their mean reported; 0: no folds
  };
  /// A column of a published table.
  struct Published {
    std::string name;      ///< by which variants give their values
    std::string data_set;  ///< that it was measured on
    std::string measure;   ///< one of `columns`
    std::string source;    ///< "table 2b"
  };
  using Values = std::map<std::string, double>;  ///< by Published::name; scores in percent

  struct Variant {
    std::string name;
    std::string series;       ///< of several lines of a plot
    std::optional<double> x;  ///< where on the line
    std::string preset = "paper";
    std::string method;                                         ///< empty: what the preset has
    std::vector<std::pair<std::string, std::string>> settings;  ///< keys and values
    std::string mark = "mask";                                  ///< see mark_kind
    int examples = 0;  ///< objects that are marked, see `persense eval --examples`
    Values published = {};
  };
  /// What only the publication ran.
  struct Quoted {
    std::string name;
    Values published;
  };
  struct Plot {
    bool lines = false;   ///< over Variant::x; else bars
    std::string measure;  ///< one of `columns`
    std::string x_title;
  };

  std::string name;  ///< the file's, without its extension
  std::string title, source;
  std::vector<std::string> columns;  ///< keys of Report's JSON, "seconds", "memory_mb"
  bool by_class = false;             ///< a line for each class instead of each variant
  std::string reference;             ///< the variant that the others are compared with; or empty
  std::vector<DataSet> data_sets;
  std::vector<Published> published;
  std::vector<Variant> variants;
  std::vector<Quoted> quoted;
  std::optional<Plot> plot;
  std::vector<std::string> notes;  ///< printed below the table
};

/// Reads a file, and checks all that can be checked without a data set.
/// @throws FileNotFound     no such file.
/// @throws Unreadable       not JSON, another format, a member that is unknown, missing or of
///   another type.
/// @throws InvalidArgument  an option that is none, or out of its range; a variant twice.
/// Each names the file and the member: "f.json: /variants/0/set/idm.treshold: unknown option; ...".
Experiment read_experiment(const std::filesystem::path& path);

/// What was measured, by key: scores from 0 to 1 (see to_json(Report)), "seconds" for an image,
/// "memory_mb".
using Measured = std::map<std::string, double>;

/// A variant's run over a data set, or one of its folds.
struct ExperimentRun {
  std::size_t variant = 0;  ///< into Experiment::variants
  std::string data_set;     ///< as the user or the experiment calls it
  std::optional<int> fold;
  std::int64_t images = 0;
  Measured mean;                                           ///< of the classes
  std::vector<std::pair<std::string, Measured>> classes;   ///< by their names
  std::vector<std::pair<std::string, std::string>> about;  ///< version, stages, machine ...
};

/// What a column is called, and its unit: "mIoU %"; of one class "IoU %".
/// @throws InvalidArgument  no measure.
std::string title_of_measure(std::string_view key, bool of_class = false);

/// The table as Markdown, with the published figures beside what was measured on a data set of the
/// same name, and behind it otherwise; a comparison with the reference; notes; and what was run on
/// which machine. Of scores in percent, with an interval of 95 % (bootstrap over classes) for the
/// differences.
/// @param runs  by variant, of all variants.
std::string to_markdown(const Experiment& experiment, std::span<const ExperimentRun> runs);

/// A line for the mean and each class of every run, with all that was measured and was published,
/// and what was run on which machine. Published scores are parts of 1 here.
std::string to_csv(const Experiment& experiment, std::span<const ExperimentRun> runs);

/// What Experiment::plot asks for.
io::Plot to_plot(const Experiment& experiment, std::span<const ExperimentRun> runs);

}  // namespace persense::eval
