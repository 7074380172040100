// NumPy's .npy files as they lie on disk, arrays of any type and shape.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace persense::io::detail {

struct NpyFile {
  std::string name;  ///< for messages
  std::string type;  ///< of a value, as NumPy writes it: "<f4"
  bool fortran = false;
  std::vector<std::uint64_t> shape;
  std::vector<std::uint8_t> bytes;
  std::size_t values_at = 0;  ///< where they begin in `bytes`

  /// The values' bytes. @throws Unreadable  fewer or more than the shape has.
  std::span<const std::uint8_t> values(std::size_t value_size) const;
};

/// Reads a file of version 1 to 3.
/// @throws FileNotFound  no such file.
/// @throws Unreadable    not an .npy file, or a damaged header.
NpyFile read_npy(const std::filesystem::path& path);

}  // namespace persense::io::detail
