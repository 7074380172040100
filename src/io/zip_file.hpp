// zip_file.hpp (private): zip files in memory.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace persense::io::detail {

struct ZipEntry {
  std::string name;  ///< UTF-8
  std::vector<std::uint8_t> bytes;
};

/// The bytes of a zip file of these entries, in their order. They depend on nothing else: every
/// entry has the first date that the format knows, 1980-01-01.
/// @throws OutOfMemory.
std::vector<std::uint8_t> zip_of(std::span<const ZipEntry> entries);

}  // namespace persense::io::detail
