// persense/eval/report.hpp: the scores of a data set, for people and for programs.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "persense/eval/bootstrap.hpp"
#include "persense/eval/metrics.hpp"

namespace persense::eval {

/// What is drawn again and again for the intervals.
enum class Resample {
  off,
  classes,  ///< how far the mean would change with other classes
  images,   ///< of every class: with other images of the same classes
};

/// By name: auto, classes, images or off; auto: classes where there are ten of them, else images
/// where every class has five, else off, as so few say nothing of others.
/// @param images  of the class that has the fewest.
/// @throws InvalidArgument  another name.
Resample resample_of(std::string_view name, std::size_t classes, std::size_t images);

/// Intervals of the mean.
struct Intervals {
  Resample over = Resample::off;
  BootstrapOptions options;
  std::vector<std::pair<std::string, Interval>> values;  ///< by the key that it has in the JSON
};

/// All classes of a data set.
struct Report {
  std::vector<ClassReport> classes;
  std::optional<Intervals> intervals = {};

  /// The plain mean over classes (of each score: over the classes that have it), named "mean";
  /// images and instances are sums, and so are the pixels of which FB-IoU is made.
  ClassReport mean() const;
};

/// The images of one class.
struct ScoredClass {
  std::string name;
  std::vector<ImageScore> images;
};

/// The report of all classes, with the intervals of its mean.
Report report_of(std::span<const ScoredClass> classes, Resample over = Resample::off,
                 const BootstrapOptions& options = {});

/// A score: the key that it has in the JSON, and how tables call it.
struct ScoreName {
  std::string key, title;
  bool is_part = false;  ///< from 0 to 1
};

/// All scores that a report may have, in the order of its tables.
std::vector<ScoreName> score_names();

/// The intervals of each class's own scores, over its images; no values where it has fewer than
/// five, and so few say nothing of others.
std::vector<Intervals> class_intervals(std::span<const ScoredClass> classes,
                                       const BootstrapOptions& options = {});

/// A table for people: a line for each class, then the mean and its interval; first what masks are
/// worth, then the counts. "-" where a class has no such truth.
/// @param seconds  for each class and all of them, to go with the counts; empty: none.
std::string to_table(const Report& report, std::span<const double> seconds = {});

/// {"classes": {name: {...}}, "mean": {...}, "intervals": {...}} with the keys images, iou, fb_iou,
/// precision, recall, f1, pq, sq, rq, mf1, ap, ap50, ap75, count_mae, count_rmse, count_bias,
/// absent_images, false_per_absent, instances (truth), found; those without truth are left out.
/// "intervals" has over, level, resamples, seed and "mean": {key: [low, high]}.
std::string to_json(const Report& report);

}  // namespace persense::eval
