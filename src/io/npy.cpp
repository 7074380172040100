#include "persense/io/npy.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <bit>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>

#include "npy_file.hpp"
#include "persense/error.hpp"
#include "persense/failure.hpp"
#include "persense/io/files.hpp"

namespace persense::io {

namespace {

static_assert(std::endian::native == std::endian::little, ".npy is read as it lies in memory");

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

/// Fills type, order and shape; whether the header has all three.
bool parse_header(std::string_view text, detail::NpyFile& file) {
  const auto type = after_key(text, "descr");
  const auto order = after_key(text, "fortran_order");
  const auto shape = after_key(text, "shape");
  if (!type || !order || !shape) return false;
  const auto quote = type->find('\'', 1);
  const auto dimensions = parse_shape(*shape);
  if (!type->starts_with('\'') || quote == std::string_view::npos || !dimensions) return false;
  file.type = type->substr(1, quote - 1);
  file.fortran = order->starts_with("True");
  file.shape = *dimensions;
  return true;
}

/// Height and width; a leading or trailing 1 is dropped from three dimensions.
Eigen::Array2i map_shape(const detail::NpyFile& file) {
  auto shape = file.shape;
  if (shape.size() == 3 && shape.front() == 1)
    shape.erase(shape.begin());
  else if (shape.size() == 3 && shape.back() == 1)
    shape.pop_back();
  constexpr std::uint64_t longest = 1u << 30;
  if (shape.size() != 2 || shape[0] < 1 || shape[1] < 1 || shape[0] > longest || shape[1] > longest)
    throw InvalidArgument(fmt::format("{}: shape ({}), expected (height, width)", file.name,
                                      fmt::join(file.shape, ", ")));
  return {static_cast<int>(shape[0]), static_cast<int>(shape[1])};
}

template <class T>
FloatMap map_of(const detail::NpyFile& file, Eigen::Array2i shape) {
  using Rows = Eigen::Array<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Columns = Eigen::Array<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::ColMajor>;
  const auto data = file.values(sizeof(T));
  std::vector<T> aligned(data.size() / sizeof(T));
  std::memcpy(aligned.data(), data.data(), data.size());
  if (file.fortran)
    return Eigen::Map<const Columns>(aligned.data(), shape[0], shape[1]).template cast<float>();
  return Eigen::Map<const Rows>(aligned.data(), shape[0], shape[1]).template cast<float>();
}

}  // namespace

namespace detail {

std::span<const std::uint8_t> NpyFile::values(std::size_t value_size) const {
  std::uint64_t expected = value_size;
  for (const std::uint64_t length : shape)
    expected =
        length > std::numeric_limits<std::uint64_t>::max() / std::max<std::uint64_t>(expected, 1)
            ? std::numeric_limits<std::uint64_t>::max()
            : expected * length;
  const auto data = std::span(bytes).subspan(values_at);
  if (data.size() != expected)
    throw Unreadable(fmt::format("{}: {} bytes of values, expected {} for shape ({})", name,
                                 data.size(), expected, fmt::join(shape, ", ")));
  return data;
}

NpyFile read_npy(const std::filesystem::path& path) {
  NpyFile file;
  file.name = path.string();
  file.bytes = read_file(path);
  const auto& bytes = file.bytes;
  constexpr std::string_view magic("\x93NUMPY", 6);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with(magic) || bytes.size() < 12)
    throw Unreadable(fmt::format("{}: not an .npy file", file.name));
  const bool version_1 = bytes[6] == 1;
  const std::size_t header_at = version_1 ? 10 : 12;
  std::size_t header_size = bytes[8] + 256u * bytes[9];
  if (!version_1) header_size += (std::size_t{bytes[10]} << 16) + (std::size_t{bytes[11]} << 24);
  if (bytes[6] < 1 || bytes[6] > 3 || header_size > bytes.size() - header_at)
    throw Unreadable(fmt::format("{}: the .npy header is damaged or truncated", file.name));
  if (!parse_header(text.substr(header_at, header_size), file))
    throw Unreadable(fmt::format("{}: the .npy header is damaged", file.name));
  file.values_at = header_at + header_size;
  return file;
}

}  // namespace detail

FloatMap read_npy_map(const std::filesystem::path& path) {
  const detail::NpyFile file = detail::read_npy(path);
  if (file.type != "<f4" && file.type != "<f8")
    throw InvalidArgument(
        one_line(fmt::format("{}: type '{}', expected '<f4' or '<f8' (float32, float64)", file.name,
                             file.type.substr(0, 40))));
  const auto shape = map_shape(file);
  return file.type == "<f4" ? map_of<float>(file, shape) : map_of<double>(file, shape);
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
