#include "persense/io/imagej.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "outlines.hpp"
#include "persense/detail/utf8.hpp"
#include "persense/io/class_names.hpp"
#include "persense/io/files.hpp"
#include "zip_file.hpp"

namespace persense::io {

namespace {

using detail::Ring;

/// Bytes of big-endian numbers.
class BigEndian {
 public:
  void put8(unsigned value) { bytes_.push_back(static_cast<std::uint8_t>(value & 0xFF)); }
  void put16(int value) {
    put8(static_cast<unsigned>(value) >> 8);
    put8(static_cast<unsigned>(value));
  }
  void put32(std::uint32_t value) {
    put16(static_cast<int>(value >> 16));
    put16(static_cast<int>(value & 0xFFFF));
  }
  void put_float(int value) { put32(std::bit_cast<std::uint32_t>(static_cast<float>(value))); }
  void put_zeros(std::size_t count) { bytes_.resize(bytes_.size() + count, 0); }
  std::vector<std::uint8_t> take() { return std::move(bytes_); }

 private:
  std::vector<std::uint8_t> bytes_;
};

// ImageJ's file format of selections: a header of 64 bytes, coordinates, a second header, the name.
constexpr std::uint32_t header_size = 64;
constexpr int format_version = 228;
enum class RoiType : unsigned { rectangle = 1, traced = 8 };

struct Roi {
  std::vector<Ring> rings;
  PixelBox box;
  std::string name;  // UTF-8
  int slice = 0;
  unsigned group = 0;
};

/// Whether it is one ring of 16-bit coordinates. Others are composite: rings of floats.
bool is_traced(const Roi& roi) {
  return roi.rings.size() == 1 && roi.rings.front().size() <= 0xFFFF &&
         std::max(roi.box.x1, roi.box.y1) <= std::numeric_limits<std::int16_t>::max();
}

/// How many floats a composite is: for each corner what is done there, x and y; for each ring its
/// end.
std::size_t composite_size(const std::vector<Ring>& rings) {
  std::size_t count = 0;
  for (const Ring& ring : rings) count += 3 * ring.size() + 1;
  return count;
}

void put_header(BigEndian& out, const Roi& roi, std::uint32_t second_header) {
  const bool traced = is_traced(roi);
  for (const char c : {'I', 'o', 'u', 't'}) out.put8(static_cast<unsigned char>(c));
  out.put16(format_version);
  out.put8(static_cast<unsigned>(traced ? RoiType::traced : RoiType::rectangle));
  out.put8(0);
  for (const int side : {roi.box.y0, roi.box.x0, roi.box.y1, roi.box.x1}) out.put16(side);
  out.put16(traced ? static_cast<int>(roi.rings.front().size()) : 0);
  out.put_zeros(18);  // the ends of a line, the width of its stroke
  out.put32(traced ? 0 : static_cast<std::uint32_t>(composite_size(roi.rings)));
  out.put_zeros(16);  // colours, subtype, options, arrow, corners
  out.put32(static_cast<std::uint32_t>(roi.slice));
  out.put32(second_header);
}

void put_traced(BigEndian& out, const Roi& roi) {
  for (const Point p : roi.rings.front()) out.put16(p.x - roi.box.x0);
  for (const Point p : roi.rings.front()) out.put16(p.y - roi.box.y0);
}

void put_composite(BigEndian& out, const Roi& roi) {
  constexpr int move = 0, line = 1, close = 4;
  for (const Ring& ring : roi.rings) {
    for (std::size_t i = 0; i < ring.size(); ++i) {
      out.put_float(i == 0 ? move : line);
      out.put_float(ring[i].x);
      out.put_float(ring[i].y);
    }
    out.put_float(close);
  }
}

void put_second_header(BigEndian& out, const Roi& roi, std::uint32_t at, std::size_t name_length) {
  out.put_zeros(16);  // positions in a hyperstack
  out.put32(at + header_size);
  out.put32(static_cast<std::uint32_t>(name_length));
  out.put_zeros(6);  // label
  out.put8(roi.group);
  out.put_zeros(header_size - 31);
}

/// UTF-16 of UTF-8.
std::vector<std::uint16_t> utf16_of(std::string_view text) {
  std::vector<std::uint16_t> units;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = persense::detail::utf8_length(text, at);
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
    std::uint32_t code = length == 1 ? byte(0) : byte(0) & (0x7Fu >> length);
    for (std::size_t i = 1; i < length; ++i) code = code << 6 | (byte(i) & 0x3Fu);
    at += length;
    if (code >= 0x10000) {
      code -= 0x10000;
      units.push_back(static_cast<std::uint16_t>(0xD800 | code >> 10));
      code = 0xDC00 | (code & 0x3FF);
    }
    units.push_back(static_cast<std::uint16_t>(code));
  }
  return units;
}

std::vector<std::uint8_t> bytes_of(const Roi& roi) {
  const bool traced = is_traced(roi);
  const std::size_t coordinates =
      traced ? 4 * roi.rings.front().size() : 4 * composite_size(roi.rings);
  const auto second_header = static_cast<std::uint32_t>(header_size + coordinates);
  const std::vector<std::uint16_t> name = utf16_of(roi.name);
  BigEndian out;
  put_header(out, roi, second_header);
  if (traced)
    put_traced(out, roi);
  else
    put_composite(out, roi);
  put_second_header(out, roi, second_header, name.size());
  for (const std::uint16_t unit : name) out.put16(unit);
  return out.take();
}

}  // namespace

std::vector<std::uint8_t> to_imagej_rois(const Result& result, int slice) {
  std::vector<std::string> names = class_names(result);
  for (std::string& name : names) name = file_name_part(name);
  std::vector<detail::ZipEntry> entries;
  std::size_t id = 0;
  for (const Instance& instance : result.instances) {
    ++id;
    if (instance.mask.empty()) continue;
    const std::size_t k = instance.class_index;
    const bool has_group = names.size() > 1 && k < 255;
    // not "-": ImageJ takes 0012-... for a slice's number
    const Roi roi{detail::outlines_of(instance.mask), instance.mask.box,
                  fmt::format("{:04} {}", id, names.at(k)), slice,
                  has_group ? static_cast<unsigned>(k) + 1 : 0};
    entries.push_back({roi.name + ".roi", bytes_of(roi)});
  }
  return detail::zip_of(entries);
}

void write_imagej_rois(const std::filesystem::path& path, const Result& result, int slice) {
  write_file(path, to_imagej_rois(result, slice));
}

}  // namespace persense::io
