// The outside of image files: which format it is, and whether all of it is there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace persense::io::detail {

enum class Format { png, jpeg, tiff, webp, bmp };

struct Container {
  Format format = Format::png;
  /// EXIF orientation, 1 to 8, where OpenCV does not apply it by itself: of WebP, and of a PNG with
  /// alpha, which is decoded as it is stored; else 1.
  int orientation = 1;
  bool has_alpha = false;  ///< of PNG and WebP: pixels may be transparent
};

/// Whether a file may hold an image of so many bytes. No compression makes more of a byte than this
/// takes for granted, unless a large image is all but blank; a smaller one costs little.
constexpr bool may_hold(std::uint64_t file_bytes, double image_bytes) {
  constexpr double small = 1 << 27, most_of_a_byte = 1 << 15;
  return image_bytes <= small || image_bytes <= most_of_a_byte * static_cast<double>(file_bytes);
}

/// Looks at the structure alone, because OpenCV decodes what is left of a truncated JPEG without a
/// word to the caller, takes memory for any size that a file claims, says on stderr what it thinks
/// of a damaged PNG, and does not look at the orientation of WebP. Of TIFF, which libtiff checks,
/// only the first bytes are looked at.
/// @throws Unreadable  another format, a truncated or damaged file, pixels we do not read.
Container check_container(std::span<const std::uint8_t> file, const std::filesystem::path& path);

/// Cuts out of a checked PNG what does not change its pixels or orientation: colour profiles,
/// gamma, text. Where one of these is odd (many programs write an odd profile), libpng says so on
/// stderr.
void drop_remarks(std::vector<std::uint8_t>& png);

}  // namespace persense::io::detail
