#include "container.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "persense/error.hpp"

namespace persense::io::detail {

namespace {

using Bytes = std::span<const std::uint8_t>;

/// Thrown by the readers below; `check_container` puts the file's name in front.
struct Damaged {
  std::string what;
};

const Damaged truncated{"the file is truncated"};

/// Integers at checked positions.
class Reader {
 public:
  Reader(Bytes bytes, bool little_endian) : bytes_(bytes), little_endian_(little_endian) {}

  std::uint64_t integer(std::uint64_t at, int size) const {
    require(at, static_cast<std::uint64_t>(size));
    std::uint64_t value = 0;
    for (int i = 0; i < size; ++i) {
      const int k = little_endian_ ? size - 1 - i : i;
      value = value << 8 | bytes_[at + static_cast<std::uint64_t>(k)];
    }
    return value;
  }
  std::uint8_t u8(std::uint64_t at) const { return static_cast<std::uint8_t>(integer(at, 1)); }
  std::uint32_t u16(std::uint64_t at) const { return static_cast<std::uint32_t>(integer(at, 2)); }
  std::uint32_t u32(std::uint64_t at) const { return static_cast<std::uint32_t>(integer(at, 4)); }

  bool holds(std::uint64_t at, std::string_view text) const {
    return at <= bytes_.size() && bytes_.size() - at >= text.size() &&
           std::equal(text.begin(), text.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(at),
                      [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
  }
  void require(std::uint64_t at, std::uint64_t length) const {
    if (at > bytes_.size() || length > bytes_.size() - at) throw truncated;
  }
  Bytes part(std::uint64_t at, std::uint64_t length) const {
    require(at, length);
    return bytes_.subspan(at, length);
  }
  std::uint64_t size() const { return bytes_.size(); }

 private:
  Bytes bytes_;
  bool little_endian_;
};

std::uint32_t crc32(Bytes bytes) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> t{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      t[i] = i;
      for (int k = 0; k < 8; ++k) t[i] = (t[i] & 1) != 0 ? 0xEDB88320u ^ (t[i] >> 1) : t[i] >> 1;
    }
    return t;
  }();
  std::uint32_t crc = 0xFFFFFFFFu;
  for (const std::uint8_t b : bytes) crc = table[(crc ^ b) & 255] ^ (crc >> 8);
  return ~crc;
}

/// @throws Damaged  unless an image of such a size can be in the file.
void require_room(bool there_is, std::uint64_t width, std::uint64_t height) {
  if (!there_is)
    throw Damaged{
        fmt::format("the file is damaged (it is too small for {} x {} pixels)", width, height)};
}

/// The size in a JPEG's frame header: of Huffman's codes every block of 8 x 8 pixels takes a bit.
void check_jpeg_frame(const Reader& r, std::uint64_t segment, std::uint8_t marker) {
  const std::uint64_t height = r.u16(segment + 5), width = r.u16(segment + 7);
  const int components = r.u8(segment + 9);
  constexpr std::uint8_t first_arithmetic = 0xC9;
  if (marker >= first_arithmetic)
    return require_room(may_hold(r.size(), 3.0 * static_cast<double>(width * height)), width,
                        height);
  std::uint64_t most_across = 1, most_down = 1, blocks = 0;
  for (int i = 0; i < components; ++i) {
    const std::uint8_t sampling = r.u8(segment + 11 + 3 * static_cast<std::uint64_t>(i));
    const std::uint64_t across = sampling >> 4, down = sampling & 15;
    most_across = std::max(most_across, across);
    most_down = std::max(most_down, down);
    blocks += across * down;
  }
  if (components == 1) most_across = most_down = blocks = 1;
  const auto units = [](std::uint64_t side, std::uint64_t most) {
    return (side + 8 * most - 1) / (8 * most);
  };
  blocks *= units(width, most_across) * units(height, most_down);
  require_room(blocks <= 8 * r.size(), width, height);
}

/// Every segment to the end-of-image marker. A thumbnail's own marker lies inside a segment.
void check_jpeg(Bytes file) {
  const Reader r(file, false);
  std::uint64_t at = 2;
  bool scan_seen = false;
  for (;;) {
    // up to the next marker: in front of it lie fill bytes, or a scan's coded pixels
    const auto is_marker = [&](std::uint8_t code) {
      return code != 0x00 && code != 0xFF && !(code >= 0xD0 && code <= 0xD7);
    };
    while (!(r.u8(at) == 0xFF && is_marker(r.u8(at + 1)))) ++at;
    const std::uint8_t marker = r.u8(at + 1);
    if (marker == 0xD9) break;
    scan_seen |= marker == 0xDA;
    const bool begins_frame =
        marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (begins_frame) check_jpeg_frame(r, at, marker);
    const std::uint64_t length = r.u16(at + 2);
    if (length < 2) throw Damaged{"the file is damaged (JPEG segment)"};
    at += 2 + length;
  }
  if (!scan_seen) throw truncated;
}

/// The orientation in EXIF data, which is laid out as a TIFF file; 1 where it has none or is
/// damaged (it is not the image).
int exif_orientation(Bytes exif) try {
  const Reader r(exif, !exif.empty() && exif[0] == 'I');
  const std::uint64_t directory = r.u32(4);
  const std::uint32_t entries = r.u16(directory);
  for (std::uint32_t i = 0; i < entries; ++i) {
    constexpr std::uint32_t orientation = 274, short_integer = 3;
    const std::uint64_t entry = directory + 2 + std::uint64_t{12} * i;
    if (r.u16(entry) != orientation || r.u16(entry + 2) != short_integer) continue;
    const auto value = static_cast<int>(r.u16(entry + 8));
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
} catch (const Damaged&) {
  return 1;
}

/// The size in a PNG's header: of deflate's codes a byte gives 1032 at most.
void check_png_size(const Reader& r, int type) {
  const std::uint64_t width = r.u32(16), height = r.u32(20), depth = r.u8(24);
  constexpr int channels_of[] = {1, 0, 3, 1, 2, 0, 4};
  const int channels = type < 7 ? channels_of[type] : 0;
  constexpr double most_of_a_byte = 1032;
  const double row = static_cast<double>(width) * static_cast<double>(depth) * channels / 8;
  require_room(row * static_cast<double>(height) <= most_of_a_byte * static_cast<double>(r.size()),
               width, height);
}

/// Every chunk to IEND, with its checksum: libpng would complain about it on stderr.
void check_png(Bytes file, Container& container) {
  const Reader r(file, false);
  constexpr std::uint64_t color_type = 25;
  constexpr int grey_with_alpha = 4, rgb_with_alpha = 6;
  const int type = r.u8(color_type);
  container.has_alpha = type == grey_with_alpha || type == rgb_with_alpha;
  check_png_size(r, type);
  int orientation = 1;
  for (std::uint64_t at = 8;;) {
    const std::uint64_t length = r.u32(at);
    const Bytes chunk = r.part(at + 4, length + 4);
    if (crc32(chunk) != r.u32(at + 8 + length)) throw Damaged{"the file is damaged (PNG checksum)"};
    if (r.holds(at + 4, "tRNS")) container.has_alpha = true;
    if (r.holds(at + 4, "eXIf")) orientation = exif_orientation(chunk.subspan(4));
    if (r.holds(at + 4, "IEND")) break;
    at += 12 + length;
  }
  if (container.has_alpha) container.orientation = orientation;
}

/// The size in a WebP's chunk: of the whole, of lossy pixels or of lossless ones.
void check_webp_size(const Reader& r, std::uint64_t chunk) {
  const std::uint64_t data = chunk + 8;
  std::uint64_t width = 0, height = 0;
  constexpr std::uint64_t bits_14 = (1 << 14) - 1;
  if (r.holds(chunk, "VP8X")) {
    width = 1 + r.integer(data + 4, 3);
    height = 1 + r.integer(data + 7, 3);
  } else if (r.holds(chunk, "VP8 ")) {
    width = r.u16(data + 6) & bits_14;
    height = r.u16(data + 8) & bits_14;
  } else if (r.holds(chunk, "VP8L")) {
    const std::uint64_t both = r.u32(data + 1);
    width = 1 + (both & bits_14);
    height = 1 + (both >> 14 & bits_14);
  }
  require_room(may_hold(r.size(), 4.0 * static_cast<double>(width * height)), width, height);
}

void check_webp(Bytes file, Container& container) {
  const Reader r(file, true);
  const std::uint64_t end = 8 + std::uint64_t{r.u32(4)};
  r.require(0, end);
  for (std::uint64_t at = 12; at + 8 <= end;) {
    const std::uint64_t length = r.u32(at + 4);
    Bytes chunk = r.part(at + 8, length);
    if (r.holds(at, "EXIF")) {
      // some writers keep the "Exif\0\0" that JPEG has in front
      if (r.holds(at + 8, std::string_view("Exif\0\0", 6))) chunk = chunk.subspan(6);
      container.orientation = exif_orientation(chunk);
    }
    constexpr std::uint8_t alpha_in_header = 0x10;  // of the extended format
    if (r.holds(at, "VP8X")) container.has_alpha |= (r.u8(at + 8) & alpha_in_header) != 0;
    if (r.holds(at, "VP8L")) container.has_alpha = true;  // it may have
    check_webp_size(r, at);
    at += 8 + length + (length & 1);
  }
}

void check_bmp(Bytes file) {
  const Reader r(file, true);
  const std::uint64_t pixels_at = r.u32(10);
  const std::uint32_t header = r.u32(14);
  const bool old = header == 12;
  const std::uint64_t width = old ? r.u16(18) : r.u32(18);
  const std::int64_t signed_height =
      old ? std::int64_t{r.u16(20)} : std::int64_t{static_cast<std::int32_t>(r.u32(22))};
  const std::uint64_t bits = r.u16(old ? 24 : 28);
  const std::uint32_t compression = old ? 0 : r.u32(30);
  const auto height =
      static_cast<std::uint64_t>(signed_height < 0 ? -signed_height : signed_height);
  if (compression == 1 || compression == 2) {  // run lengths
    r.require(pixels_at, 1);
    const double bytes = 3.0 * static_cast<double>(width) * static_cast<double>(height);
    return require_room(may_hold(r.size(), bytes), width, height);
  }
  const std::uint64_t row = (width * bits + 31) / 32 * 4;
  if (height != 0 && row > file.size() / height) throw truncated;
  r.require(pixels_at, row * height);
}

std::optional<Format> recognise(Bytes file) {
  const Reader r(file, true);
  using namespace std::string_view_literals;
  if (r.holds(0, "\x89PNG\r\n\x1a\n"sv)) return Format::png;
  if (r.holds(0, "\xFF\xD8\xFF"sv)) return Format::jpeg;
  if (r.holds(0, "II*\0"sv) || r.holds(0, "MM\0*"sv) || r.holds(0, "II+\0"sv) ||
      r.holds(0, "MM\0+"sv))
    return Format::tiff;
  if (r.holds(0, "RIFF"sv) && r.holds(8, "WEBP"sv)) return Format::webp;
  if (r.holds(0, "BM"sv)) return Format::bmp;
  return std::nullopt;
}

}  // namespace

Container check_container(Bytes file, const std::filesystem::path& path) try {
  const auto format = recognise(file);
  if (!format) throw Damaged{"not a PNG, JPEG, TIFF, WebP or BMP image"};
  Container container{*format};
  switch (*format) {
    case Format::png:
      check_png(file, container);
      break;
    case Format::jpeg:
      check_jpeg(file);
      break;
    case Format::tiff:  // libtiff checks it
      break;
    case Format::webp:
      check_webp(file, container);
      break;
    case Format::bmp:
      check_bmp(file);
      break;
  }
  return container;
} catch (const Damaged& damaged) {
  throw Unreadable(fmt::format("{}: {}", path.string(), damaged.what));
}

void drop_remarks(std::vector<std::uint8_t>& png) {
  const Reader r(png, false);
  std::uint64_t kept = 8;
  for (std::uint64_t at = kept; at < png.size();) {
    const std::uint64_t length = 12 + r.integer(at, 4);
    const bool last = r.holds(at + 4, "IEND");
    const bool critical =
        (r.u8(at + 4) & 0x20) == 0;  // the format's own mark: an upper-case letter
    if (critical || r.holds(at + 4, "tRNS") || r.holds(at + 4, "eXIf")) {
      const auto begin = png.begin() + static_cast<std::ptrdiff_t>(at);
      std::copy(begin, begin + static_cast<std::ptrdiff_t>(length),
                png.begin() + static_cast<std::ptrdiff_t>(kept));
      kept += length;
    }
    if (last) break;
    at += length;
  }
  png.resize(kept);
}

}  // namespace persense::io::detail
