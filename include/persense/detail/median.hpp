// persense/detail/median.hpp: the median of some numbers.
#pragma once

#include <algorithm>
#include <vector>

namespace persense::detail {

/// The mean of the two in the middle where their number is even. @pre at least one.
inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return 0.5 * (values[(values.size() - 1) / 2] + values[values.size() / 2]);
}

}  // namespace persense::detail
