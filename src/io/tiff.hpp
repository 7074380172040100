// TIFF, read with libtiff. Nothing else of the library knows it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <opencv2/core.hpp>
#include <span>

namespace persense::io::detail {

struct Tiff {
  /// One grey channel or R, G, B: CV_8U; CV_16U of 16-bit unsigned integers; CV_32F of 32-bit
  /// floating point; CV_64F of all other numbers.
  cv::Mat pixels;
  cv::Mat alpha;               ///< of the same depth; empty where the file has none
  bool premultiplied = false;  ///< the colours are times alpha
  int orientation = 1;         ///< 1 to 8, as in EXIF; not applied to `pixels`
  bool lossy = false;          ///< compressed as JPEG
};

/// What the numbers in a grey file are.
enum class GreyValues {
  light,   ///< 1, 2 and 4 bits are spread over 0..255; where white is stored as 0, it is inverted
  numbers  ///< as they are stored: labels
};

/// Reads a page: an image that is no thumbnail and no transparency mask, as camera raw files and
/// those of slide scanners have them, in front or behind. Strips and tiles, one plane or several,
/// also BigTIFF.
/// @param path  for messages. @param page  from 1.
/// @throws Unreadable   damaged, or pixels of another kind: the message says which.
/// @throws OutOfMemory.
/// @par Threads  Any number at once.
Tiff read_tiff(std::span<const std::uint8_t> file, const std::filesystem::path& path,
               GreyValues grey, int page = 1);

/// Number of pages; at least 1. Those that libtiff cannot reach count, too: ImageJ writes a large
/// stack as one page and what lies behind it. @throws Unreadable.
int count_tiff_pages(std::span<const std::uint8_t> file, const std::filesystem::path& path);

}  // namespace persense::io::detail
