// persense/eval/calibration.hpp: which values of a few options find most on given images, and what
// that is worth on others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "persense/eval/bootstrap.hpp"

namespace persense::eval {

/// What was found in a query with one setting.
struct MatchCounts {
  std::int64_t truth = 0, found = 0;  ///< objects
  std::int64_t matched = 0;           ///< pairs at IoU >= 0.5
};

/// An option and the values that are tried; the first is where the search begins.
struct TriedOption {
  std::string key;
  std::vector<std::string> values;
};

/// A value of each option, by its place.
using Setting = std::vector<std::size_t>;

/// A query of the images that are searched over.
struct CalibrationQuery {
  std::size_t image = 0;     ///< from 0; several classes may ask about one image
  std::size_t of_class = 0;  ///< from 0
};

struct CalibrationOptions {
  std::size_t folds =
      5;                 ///< at least 2; images are dealt out to them in an order that `seed` draws
  double least = 0.005;  ///< F1 that another value must be better by than the first one
  BootstrapOptions bootstrap;
};

/// What a choice is worth where it was not made.
struct Gain {
  double begin = 0;   ///< F1 with the first values
  double chosen = 0;  ///< with those chosen, for each fold's images, on the images of the others
  Interval interval;  ///< of the difference, over images drawn with replacement
  double difference() const { return chosen - begin; }
  /// Whether the difference is above 0 by more than chance.
  bool is_certain() const { return interval.low > 0; }
};

/// Coordinate search: one option after the other gets the value of highest F1 with the others as
/// they are. The same is done, at the same time, without the images of each fold, to see what it is
/// worth on these. F1 is the plain mean over classes of the F1 of all their images at IoU 0.5, as
/// ClassReport has it.
///
///     for (std::size_t o = 0; o < options.size(); ++o) {
///       for (const Setting& setting : search.wanted(o))
///         for (every query q) search.add(setting, q, measured);
///       search.choose(o);
///     }
///
/// @par Threads  `add` for different queries may be called from several threads at once; all else
///   by one.
class CoordinateSearch {
 public:
  /// @throws InvalidArgument  fewer than two folds, or fewer images than folds.
  CoordinateSearch(std::vector<TriedOption> options, std::vector<CalibrationQuery> queries,
                   const CalibrationOptions& how = {});

  const std::vector<TriedOption>& options() const { return options_; }
  /// The settings that have to be measured before an option is chosen; the first ones come first.
  std::vector<Setting> wanted(std::size_t option);
  /// @param setting  one of `wanted`.
  void add(const Setting& setting, std::size_t query, const MatchCounts& counts);
  /// @throws InvalidArgument  a setting that is wanted was not measured on a query.
  void choose(std::size_t option);

  /// What was chosen on all images.
  const Setting& chosen() const { return paths_.back(); }
  /// Of each option that was chosen, the mean F1 of each value on all images, with the others as
  /// they were chosen before.
  const std::vector<std::vector<double>>& worths() const { return worths_; }
  /// Mean F1 of a setting that was measured, on all images.
  double f1(const Setting& setting) const;
  Gain gain() const;

 private:
  struct Measured {
    Setting setting;
    std::vector<MatchCounts> counts;  // of each query
    std::vector<char> is_there;
  };
  std::size_t place_of(const Setting& setting) const;
  std::vector<std::size_t> queries_of(std::size_t path) const;
  double f1_of(const std::vector<const MatchCounts*>& counts,
               const std::vector<std::size_t>& queries) const;
  double f1_on(const Setting& setting, const std::vector<std::size_t>& queries) const;

  std::vector<TriedOption> options_;
  std::vector<CalibrationQuery> queries_;
  CalibrationOptions how_;
  std::size_t images_ = 0, classes_ = 0;
  std::vector<std::size_t> fold_of_;  // of each image
  std::vector<Setting> paths_;        // without each fold's images; last, of all
  std::vector<Measured> measured_;
  std::vector<std::vector<double>> worths_;
};

}  // namespace persense::eval
