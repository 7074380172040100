#include "persense/io/npy.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <bit>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>

#include "persense/failure.hpp"
#include "persense/io/files.hpp"

namespace persense::io {

namespace {

static_assert(std::endian::native == std::endian::little, ".npy is read as it lies in memory");

struct Header {
  std::string type;
  bool fortran = false;
  std::vector<std::uint64_t> shape;
};

/// What follows `'key':` in the header's Python dictionary.
std::optional<std::string_view> after_key(std::string_view header, std::string_view key) {
  const auto at = header.find(fmt::format("'{}':", key));
  if (at == std::string_view::npos) return std::nullopt;
  auto rest = header.substr(at + key.size() + 3);
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return rest;
}

std::optional<std::vector<std::uint64_t>> parse_shape(std::string_view text) {
  if (!text.starts_with('(')) return std::nullopt;
  std::vector<std::uint64_t> shape;
  for (text.remove_prefix(1);;) {
    text.remove_prefix(std::min(text.find_first_not_of(", "), text.size()));
    if (text.starts_with(')')) return shape;
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    constexpr std::size_t most_dimensions = 64;  // as NumPy has it
    if (shape.size() == most_dimensions) return std::nullopt;
    shape.push_back(value);
  }
}

std::optional<Header> parse_header(std::string_view text) {
  const auto type = after_key(text, "descr");
  const auto order = after_key(text, "fortran_order");
  const auto shape = after_key(text, "shape");
  if (!type || !order || !shape) return std::nullopt;
  const auto quote = type->find('\'', 1);
  const auto dimensions = parse_shape(*shape);
  if (!type->starts_with('\'') || quote == std::string_view::npos || !dimensions)
    return std::nullopt;
  return Header{std::string(type->substr(1, quote - 1)), order->starts_with("True"), *dimensions};
}

/// Height and width; a leading or trailing 1 is dropped from three dimensions.
Eigen::Array2i map_shape(const Header& header, const std::string& name) {
  auto shape = header.shape;
  if (shape.size() == 3 && shape.front() == 1)
    shape.erase(shape.begin());
  else if (shape.size() == 3 && shape.back() == 1)
    shape.pop_back();
  constexpr std::uint64_t longest = 1u << 30;
  if (shape.size() != 2 || shape[0] < 1 || shape[1] < 1 || shape[0] > longest || shape[1] > longest)
    throw InvalidArgument(fmt::format("{}: shape ({}), expected (height, width)", name,
                                      fmt::join(header.shape.begin(), header.shape.end(), ", ")));
  return {static_cast<int>(shape[0]), static_cast<int>(shape[1])};
}

template <class T>
FloatMap values_of(std::span<const std::uint8_t> data, Eigen::Array2i shape, bool fortran) {
  using Rows = Eigen::Array<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Columns = Eigen::Array<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::ColMajor>;
  std::vector<T> aligned(data.size() / sizeof(T));
  std::memcpy(aligned.data(), data.data(), data.size());
  if (fortran)
    return Eigen::Map<const Columns>(aligned.data(), shape[0], shape[1]).template cast<float>();
  return Eigen::Map<const Rows>(aligned.data(), shape[0], shape[1]).template cast<float>();
}

}  // namespace

FloatMap read_npy_map(const std::filesystem::path& path) {
  const auto bytes = read_file(path);
  const std::string name = path.string();
  const std::span<const std::uint8_t> file(bytes);
  constexpr std::string_view magic("\x93NUMPY", 6);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with(magic) || file.size() < 12)
    throw Unreadable(fmt::format("{}: not an .npy file", name));
  const bool version_1 = file[6] == 1;
  const std::size_t header_at = version_1 ? 10 : 12;
  std::size_t header_size = file[8] + 256u * file[9];
  if (!version_1) header_size += (std::size_t{file[10]} << 16) + (std::size_t{file[11]} << 24);
  if (file[6] < 1 || file[6] > 3 || header_size > file.size() - header_at)
    throw Unreadable(fmt::format("{}: the .npy header is damaged or truncated", name));
  const auto header = parse_header(text.substr(header_at, header_size));
  if (!header) throw Unreadable(fmt::format("{}: the .npy header is damaged", name));
  if (header->type != "<f4" && header->type != "<f8")
    throw InvalidArgument(
        one_line(fmt::format("{}: type '{}', expected '<f4' or '<f8' (float32, float64)", name,
                             header->type.substr(0, 40))));
  const auto shape = map_shape(*header, name);
  const auto data = file.subspan(header_at + header_size);
  const std::uint64_t value_size = header->type == "<f4" ? 4 : 8;
  const auto expected =
      static_cast<std::uint64_t>(shape[0]) * static_cast<std::uint64_t>(shape[1]) * value_size;
  if (data.size() != expected)
    throw Unreadable(fmt::format("{}: {} bytes of values, expected {} for shape ({})", name,
                                 data.size(), expected, fmt::join(header->shape, ", ")));
  return value_size == 4 ? values_of<float>(data, shape, header->fortran)
                         : values_of<double>(data, shape, header->fortran);
}

void write_npy(const std::filesystem::path& path, const FloatMapView& map) {
  std::string header = fmt::format(
      "{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", map.rows(), map.cols());
  // magic, version, length, header and a line feed together fill a multiple of 64 bytes
  header.append(63 - (10 + header.size()) % 64, ' ');
  header.push_back('\n');
  AtomicFile file(path);
  file.write(std::string_view("\x93NUMPY\x01\x00", 8));
  const char length[2] = {static_cast<char>(header.size() & 255),
                          static_cast<char>(header.size() >> 8)};
  file.write(std::string_view(length, 2));
  file.write(header);
  for (Eigen::Index y = 0; y < map.rows(); ++y)
    file.write(std::string_view(reinterpret_cast<const char*>(map.data() + y * map.outerStride()),
                                static_cast<std::size_t>(map.cols()) * sizeof(float)));
  file.commit();
}

}  // namespace persense::io
