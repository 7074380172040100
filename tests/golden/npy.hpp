// Reads the .npy arrays of the golden vectors: little-endian, C order, f2 / f4 / i4 / i8 / u1.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <opencv2/core.hpp>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

namespace persense::testing {

struct Array {
  std::vector<int> shape;
  std::vector<double> values;

  int dim(std::size_t i) const { return shape.at(i); }
  std::vector<float> floats() const { return {values.begin(), values.end()}; }
};

inline double value_at(const char* bytes, const std::string& type) {
  const auto as = [bytes](auto sample) {
    std::memcpy(&sample, bytes, sizeof sample);
    return sample;
  };
  if (type == "<f4") return as(float{});
  if (type == "<f8") return as(double{});
  if (type == "<i4") return as(std::int32_t{});
  if (type == "<i8") return static_cast<double>(as(std::int64_t{}));
  if (type == "|u1") return as(std::uint8_t{});
  if (type == "<f2") return static_cast<float>(as(cv::float16_t{}));
  throw std::runtime_error("npy: element type " + type + " is not one of the golden vectors'");
}

inline Array read_npy(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path.string() + ": cannot be opened");
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  if (bytes.size() < 10 || bytes.compare(0, 6, "\x93NUMPY") != 0)
    throw std::runtime_error(path.string() + ": not an npy file");
  const std::size_t header =
      static_cast<std::uint8_t>(bytes[8]) + 256u * static_cast<std::uint8_t>(bytes[9]);
  const std::string text = bytes.substr(10, header);
  if (text.find("'fortran_order': False") == std::string::npos)
    throw std::runtime_error(path.string() + ": columns first, expected rows first");
  std::smatch type, shape;
  std::regex_search(text, type, std::regex("'descr': '([^']+)'"));
  std::regex_search(text, shape, std::regex("'shape': \\(([^)]*)\\)"));
  Array array;
  std::size_t count = 1;
  const std::string dims = shape[1];
  const std::regex digits("[0-9]+");
  for (std::sregex_iterator i(dims.begin(), dims.end(), digits), end; i != end; ++i) {
    array.shape.push_back(std::stoi(i->str()));
    count *= static_cast<std::size_t>(array.shape.back());
  }
  const std::string descr = type[1];
  const std::size_t size = static_cast<std::size_t>(descr.back() - '0');
  if (bytes.size() < 10 + header + count * size)
    throw std::runtime_error(path.string() + ": truncated");
  for (std::size_t i = 0; i < count; ++i)
    array.values.push_back(value_at(bytes.data() + 10 + header + i * size, descr));
  return array;
}

}  // namespace persense::testing
