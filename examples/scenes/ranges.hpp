// examples/scenes/ranges.hpp: checks options (internal to the libraries).
#pragma once

#include <fmt/format.h>

#include <stdexcept>

namespace persense::scenes::detail {

/// @throws std::invalid_argument  `value` is not from `low` to `high`; the message names `field`.
template <class T>
void require_range(const char* field, T value, T low, T high) {
  // Written so that NaN fails.
  if (!(value >= low && value <= high)) {
    throw std::invalid_argument(
        fmt::format("{}: got {}, expected {} to {}", field, value, low, high));
  }
}

}  // namespace persense::scenes::detail
