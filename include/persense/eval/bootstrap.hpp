// persense/eval/bootstrap.hpp: how far a score may lie from what it would be on other data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace persense::eval {

struct Interval {
  double low = 0, high = 0;
};

struct BootstrapOptions {
  std::size_t resamples = 1000;
  double level = 0.95;  ///< of confidence
  std::uint64_t seed = 0;
};

/// Which units are drawn: their numbers, a list for each stratum.
using Drawn = std::vector<std::vector<std::size_t>>;

/// Percentile bootstrap: of each stratum as many units as it has are drawn with replacement, and
/// the statistic is computed, `resamples` times; the interval leaves out (1 - level) / 2 of its
/// values on each side, between two of them by their distance. Equal seeds give equal intervals on
/// every machine.
/// @param strata     units of each.
/// @param statistic  as many values each time; those that are NaN do not count.
/// @return  an interval for each value; NaN where all of them are.
/// @throws InvalidArgument  no resample, or a level not between 0 and 1.
/// @par Source  Efron, "Bootstrap methods", 1979.
std::vector<Interval> bootstrap(std::span<const std::size_t> strata,
                                const std::function<std::vector<double>(const Drawn&)>& statistic,
                                const BootstrapOptions& options = {});

}  // namespace persense::eval
