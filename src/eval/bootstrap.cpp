#include "persense/eval/bootstrap.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "persense/error.hpp"
#include "random.hpp"

namespace persense::eval {

namespace {

/// @param sorted  not empty. @param part  0 the first, 1 the last, else between two of them.
double percentile(const std::vector<double>& sorted, double part) {
  const double at = part * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

std::vector<Interval> bootstrap(std::span<const std::size_t> strata,
                                const std::function<std::vector<double>(const Drawn&)>& statistic,
                                const BootstrapOptions& options) {
  if (options.resamples == 0 || !(options.level > 0 && options.level < 1))
    throw InvalidArgument(
        fmt::format("bootstrap: got {} resamples at the level {:g}, expected at least one and a "
                    "level between 0 and 1",
                    options.resamples, options.level));
  detail::Random random(options.seed);
  std::vector<std::vector<double>> values;  // of each value that the statistic has
  Drawn drawn(strata.size());
  for (std::size_t i = 0; i < options.resamples; ++i) {
    for (std::size_t s = 0; s < strata.size(); ++s) {
      drawn[s].resize(strata[s]);
      for (std::size_t& unit : drawn[s]) unit = random.below(strata[s]);
    }
    const std::vector<double> result = statistic(drawn);
    values.resize(std::max(values.size(), result.size()));
    for (std::size_t v = 0; v < result.size(); ++v)
      if (!std::isnan(result[v])) values[v].push_back(result[v]);
  }
  std::vector<Interval> intervals;
  const double out = (1 - options.level) / 2;
  for (std::vector<double>& of_one : values) {
    std::sort(of_one.begin(), of_one.end());
    constexpr double none = std::numeric_limits<double>::quiet_NaN();
    intervals.push_back(of_one.empty()
                            ? Interval{none, none}
                            : Interval{percentile(of_one, out), percentile(of_one, 1 - out)});
  }
  return intervals;
}

}  // namespace persense::eval
