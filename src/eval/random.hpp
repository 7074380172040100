// Numbers that are the same on every machine for the same seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <utility>
#include <vector>

namespace persense::eval::detail {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  /// One of 0, ..., count - 1, each as likely as the others. The standard's distributions differ
  /// from library to library, its engines do not.
  std::size_t below(std::size_t count) {
    const std::uint64_t n = count, most = std::numeric_limits<std::uint64_t>::max();
    const std::uint64_t beyond = most - most % n;  // what would make the first ones more likely
    for (;;)
      if (const std::uint64_t v = engine_(); v < beyond) return static_cast<std::size_t>(v % n);
  }

  template <class T>
  void shuffle(std::vector<T>& values) {
    for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[below(i)]);
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace persense::eval::detail
