#include "persense/eval/bootstrap.hpp"

#include <cmath>
#include <limits>
#include <numeric>

#include "catch.hpp"
#include "persense/error.hpp"

using namespace persense;

namespace {

/// The mean of one stratum's values.
auto mean_of(const std::vector<double>& values) {
  return [&values](const eval::Drawn& drawn) {
    double sum = 0;
    for (const std::size_t i : drawn[0]) sum += values[i];
    return std::vector<double>{sum / static_cast<double>(drawn[0].size())};
  };
}

}  // namespace

TEST_CASE("bootstrap: the interval of a mean is that of its normal distribution",
          "[eval][bootstrap]") {
  std::vector<double> values(400);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i % 20);
  const std::vector<std::size_t> strata = {values.size()};
  const auto interval = eval::bootstrap(strata, mean_of(values), {4000, 0.95, 1})[0];
  // standard deviation of 0, ..., 19 is sqrt((20^2 - 1) / 12); the percentiles of 4000 resamples
  // have a standard error of 0.012
  const double error = 1.95996 * std::sqrt(399.0 / 12 / 400);
  CHECK(interval.low == Approx(9.5 - error).margin(0.04));
  CHECK(interval.high == Approx(9.5 + error).margin(0.04));
}

TEST_CASE("bootstrap: a seed gives the same interval again, another one another",
          "[eval][bootstrap]") {
  const std::vector<double> values = {1, 2, 4, 8, 16};
  const std::vector<std::size_t> strata = {5};
  const auto once = eval::bootstrap(strata, mean_of(values), {50, 0.9, 3})[0];
  const auto again = eval::bootstrap(strata, mean_of(values), {50, 0.9, 3})[0];
  const auto other = eval::bootstrap(strata, mean_of(values), {50, 0.9, 4})[0];
  CHECK(once.low == again.low);
  CHECK(once.high == again.high);
  CHECK((once.low != other.low || once.high != other.high));
}

TEST_CASE("bootstrap: of each stratum as many are drawn as it has", "[eval][bootstrap]") {
  const std::vector<std::size_t> strata = {3, 1, 7};
  eval::bootstrap(strata,
                  [](const eval::Drawn& drawn) {
                    CHECK(drawn.size() == 3);
                    CHECK(drawn[0].size() == 3);
                    CHECK(drawn[1] == std::vector<std::size_t>{0});
                    for (const std::size_t i : drawn[2]) CHECK(i < 7);
                    return std::vector<double>{};
                  },
                  {5, 0.95, 0});
}

TEST_CASE("bootstrap: values that are NaN do not count, and none leave NaN", "[eval][bootstrap]") {
  const std::vector<std::size_t> strata = {2};
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  const auto intervals = eval::bootstrap(strata, [&](const eval::Drawn& drawn) {
    return std::vector<double>{drawn[0][0] == 0 ? none : 5.0, none};
  });
  CHECK(intervals[0].low == 5);
  CHECK(intervals[0].high == 5);
  CHECK(std::isnan(intervals[1].low));
  CHECK_THROWS_AS(eval::bootstrap(strata, {}, {0, 0.95, 0}), InvalidArgument);
  CHECK_THROWS_AS(eval::bootstrap(strata, {}, {10, 1.0, 0}), InvalidArgument);
}
