// libtiff's handle on a file in memory, and the pages in it. Only tiff.cpp uses it.
#pragma once

#include <tiffio.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace persense::io::detail {

/// Why a file is refused; `read_tiff` puts its name in front.
struct Refused {
  std::string why;
};

/// The file's bytes as libtiff's input, and the first thing libtiff had to say against them.
struct TiffSource {
  std::span<const std::uint8_t> bytes;
  std::uint64_t at = 0;
  std::string error;
  bool jpeg_is_damaged = false;

  /// Whether libtiff complained. Some of its decoders go on after that.
  bool is_damaged() const { return jpeg_is_damaged || !error.empty(); }
};

using TiffHandle = std::unique_ptr<TIFF, decltype(&TIFFClose)>;

/// @param source  has to outlive the handle. @return  null: no TIFF; source.error says why.
TiffHandle open(TiffSource& source);

[[noreturn]] void refuse_damaged(const TiffSource& source);

/// The value of a tag, or its default.
template <class T>
T tag(TIFF* tiff, std::uint32_t name, T otherwise = 0) {
  T value = otherwise;
  return TIFFGetFieldDefaulted(tiff, name, &value) == 1 ? value : otherwise;
}

/// Makes a page the current one. @param page  from 1. @throws Refused  there is none.
void choose_picture(TIFF* tiff, TiffSource& source, int page);

/// Number of pages, those that only ImageJ's description of the first tells of among them.
int count_pages(TIFF* tiff, TiffSource& source);

}  // namespace persense::io::detail
