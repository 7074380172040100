// Finds and reads the golden vectors: inputs with the outputs of the public reference
// implementation.
//
// A small set of our own is part of the repository (data/README.md) and always read. The whole set
// is not: it is looked for in $PERSENSE_GOLDEN, then in ../shared/golden beside the source tree. A
// suite that neither has is skipped; a folder that is there but holds no suite at all is an error.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "catch.hpp"
#include "npy.hpp"
#include "persense/geometry.hpp"
#include "persense/maps.hpp"

namespace persense::testing {

namespace fs = std::filesystem;
using nlohmann::json;

inline fs::path golden_folder() {
  const char* named = std::getenv("PERSENSE_GOLDEN");
  return named ? fs::path(named) : fs::path(PERSENSE_GOLDEN_DEFAULT);
}

inline json read_json(const fs::path& path) {
  std::ifstream file(path);
  REQUIRE(file);
  return json::parse(file);
}

/// Runs `check` on every case folder of a suite (or on the suite itself when case.json is there).
inline void for_each_case(const std::string& suite,
                          const std::function<void(const fs::path&, const json&)>& check) {
  std::vector<fs::path> cases;
  bool found = false;
  for (const fs::path& set :
       {fs::path(PERSENSE_SOURCE_DIR) / "tests/golden/data", golden_folder()}) {
    const fs::path folder = set / suite;
    if (!fs::exists(folder)) continue;
    found = true;
    if (fs::exists(folder / "case.json")) cases.push_back(folder);
    for (const auto& entry : fs::directory_iterator(folder))
      if (fs::exists(entry.path() / "case.json")) cases.push_back(entry.path());
  }
  if (!found) SKIP("no golden suite " << suite << " in " << golden_folder());
  std::sort(cases.begin(), cases.end());
  REQUIRE_FALSE(cases.empty());
  for (const auto& path : cases) {
    INFO("golden case " << path.string());
    check(path, read_json(path / "case.json"));
  }
  std::cout << suite << ": " << cases.size() << " cases\n";
}

inline FloatMap map_of(const Array& array) {
  // leading dimensions of 1 are dropped, as in [1, 1, h, w]
  std::vector<int> shape = array.shape;
  while (shape.size() > 2) {
    REQUIRE(shape.front() == 1);
    shape.erase(shape.begin());
  }
  const auto values = array.floats();
  return Eigen::Map<const FloatMap>(values.data(), shape.at(0), shape.at(1));
}

/// Numbers that JSON cannot write stand as "nan", "inf", "-inf".
inline double number(const json& value) {
  return value.is_string() ? std::stod(value.get<std::string>()) : value.get<double>();
}

inline Size size_from(const json& height_width) {
  return {height_width[1].get<int>(), height_width[0].get<int>()};
}

/// An 8-bit array (h, w, 3).
inline cv::Mat image_of(const Array& array) {
  cv::Mat image(array.dim(0), array.dim(1), CV_8UC3);
  std::transform(array.values.begin(), array.values.end(), image.data,
                 [](double v) { return static_cast<std::uint8_t>(v); });
  return image;
}

/// The 64-bit FNV-1a hash of an 8-bit image's bytes, in hex, as the cases note it.
inline std::string fnv1a64(const cv::Mat& image) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  const auto row_bytes = static_cast<std::size_t>(image.cols) * image.elemSize();
  for (int y = 0; y < image.rows; ++y)
    for (std::size_t i = 0; i < row_bytes; ++i) hash = (hash ^ image.ptr(y)[i]) * 0x100000001b3u;
  return fmt::format("{:016x}", hash);
}

}  // namespace persense::testing
