// The features of a golden case of similarity.
#pragma once

#include <cstddef>
#include <cstdint>
#include <regex>
#include <string>
#include <vector>

#include "golden/golden.hpp"

namespace persense::testing {

/// Feature values by formula, where a case says so instead of storing them: a splitmix64 stream, 24
/// bits a value, in [-1, 1).
inline std::vector<float> formula_features(std::uint64_t seed, std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t k = 0; k < count; ++k) {
    std::uint64_t z = seed + (k + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    values[k] = static_cast<float>(static_cast<double>(z >> 40) / (1 << 23) - 1.0);
  }
  return values;
}

/// The two seeds in "... with seed 11 (reference) and 12 (test)".
inline std::uint64_t formula_seed(const json& expected, const std::string& which) {
  std::smatch seed;
  const std::string text = expected["feature_storage"];
  REQUIRE(std::regex_search(text, seed, std::regex("([0-9]+) \\(" + which + "\\)")));
  return std::stoull(seed[1]);
}

/// (channels, cells) float32, one row per channel.
/// @param which  "reference" or "test", the image that they are of.
inline FloatMap features_of(const fs::path& path, const json& expected, const char* name,
                            const char* which) {
  const Size grid = size_from(expected["feature_hw"]);
  const int channels = expected["channels"];
  const auto values = fs::exists(path / name)
                          ? read_npy(path / name).floats()
                          : formula_features(formula_seed(expected, which),
                                             static_cast<std::size_t>(channels * grid.pixels()));
  return Eigen::Map<const FloatMap>(values.data(), channels, grid.pixels());
}

}  // namespace persense::testing
