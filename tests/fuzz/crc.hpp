// PNG's checksums, without which a changed file is refused before it is looked at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace persense::fuzz {

inline std::uint32_t crc32(std::span<const std::uint8_t> bytes) {
  std::uint32_t crc = 0xFFFFFFFFu;
  for (const std::uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? 0xEDB88320u ^ (crc >> 1) : crc >> 1;
  }
  return ~crc;
}

/// Makes the checksum of every chunk right, as far as the chunks go on; leaves other files alone.
inline void mend_png_checksums(std::span<std::uint8_t> png) {
  if (png.size() < 8 || png[0] != 0x89 || png[1] != 'P') return;
  for (std::size_t at = 8; png.size() - at >= 12;) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) length = length << 8 | png[at + i];
    if (length > png.size() - at - 12) return;
    const std::uint32_t crc = crc32(png.subspan(at + 4, length + 4));
    for (std::size_t i = 0; i < 4; ++i)
      png[at + 8 + length + i] = static_cast<std::uint8_t>(crc >> (24 - 8 * i));
    at += 12 + length;
  }
}

}  // namespace persense::fuzz
