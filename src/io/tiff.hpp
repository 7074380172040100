// TIFF, read with libtiff. Nothing else of the library knows it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <opencv2/core.hpp>
#include <span>

namespace persense::io::detail {

struct Tiff {
  cv::Mat pixels;       ///< 8 or 16 bits, one grey channel or R, G, B; alpha is dropped
  int orientation = 1;  ///< 1 to 8, as in EXIF; not applied to `pixels`
  bool lossy = false;   ///< compressed as JPEG
};

/// What the numbers in a grey file are.
enum class GreyValues {
  light,   ///< 1, 2 and 4 bits are spread over 0..255; where white is stored as 0, it is inverted
  numbers  ///< as they are stored: labels
};

/// Reads the first page; where it is a thumbnail or a transparency mask, as in camera raw files and
/// those of slide scanners, the first image in full size. Strips and tiles, one plane or several,
/// also BigTIFF.
/// @param path  for messages.
/// @throws Unreadable   damaged, or pixels of another kind: the message says which.
/// @throws OutOfMemory.
/// @par Threads  Any number at once.
Tiff read_tiff(std::span<const std::uint8_t> file, const std::filesystem::path& path,
               GreyValues grey);

}  // namespace persense::io::detail
