// The .npy arrays of the golden vectors as numbers: f2, f4, f8, i4, i8 and u1, in C order.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <opencv2/core.hpp>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "io/npy_file.hpp"

namespace persense::testing {

struct Array {
  std::vector<int> shape;
  std::vector<double> values;

  int dim(std::size_t i) const { return shape.at(i); }
  std::vector<float> floats() const { return {values.begin(), values.end()}; }
};

template <class T>
std::vector<double> values_of(const io::detail::NpyFile& file) {
  const auto bytes = file.values(sizeof(T));
  std::vector<double> values;
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(T)) {
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    if constexpr (std::is_same_v<T, cv::float16_t>)
      values.push_back(static_cast<float>(value));
    else
      values.push_back(static_cast<double>(value));
  }
  return values;
}

inline Array read_npy(const std::filesystem::path& path) {
  const io::detail::NpyFile file = io::detail::read_npy(path);
  if (file.fortran) throw std::runtime_error(file.name + ": columns first, expected rows first");
  const std::vector<int> shape(file.shape.begin(), file.shape.end());
  if (file.type == "<f4") return {shape, values_of<float>(file)};
  if (file.type == "<f8") return {shape, values_of<double>(file)};
  if (file.type == "<i4") return {shape, values_of<std::int32_t>(file)};
  if (file.type == "<i8") return {shape, values_of<std::int64_t>(file)};
  if (file.type == "|u1") return {shape, values_of<std::uint8_t>(file)};
  if (file.type == "<f2") return {shape, values_of<cv::float16_t>(file)};
  throw std::runtime_error(file.name + ": type " + file.type + ", expected one of those above");
}

}  // namespace persense::testing
