#include "label_studio_rle.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "persense/error.hpp"

namespace persense::serve {

namespace {

constexpr int channels = 4;    // red, green, blue, alpha
constexpr int value_bits = 8;  // of a channel
constexpr int count_bits = 32, width_bits = 5, kind_bits = 2, length_bits = 4;

class BitWriter {
 public:
  void add(std::uint64_t value, int bits) {
    for (int bit = bits - 1; bit >= 0; --bit) {
      if (used_ == 0) bytes.push_back(0);
      bytes.back() |= static_cast<std::uint8_t>((value >> bit & 1) << (7 - used_));
      used_ = (used_ + 1) % 8;
    }
  }
  std::vector<std::uint8_t> bytes;

 private:
  int used_ = 0;  // bits of the last byte
};

class BitReader {
 public:
  explicit BitReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  std::int64_t next(int bits) {
    std::int64_t value = 0;
    for (; bits > 0; --bits, ++at_) {
      if (at_ / 8 >= bytes_.size()) throw InvalidArgument("rle: ends too early");
      value = value << 1 | (bytes_[at_ / 8] >> (7 - at_ % 8) & 1);
    }
    return value;
  }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
};

/// Runs that grow at their end.
class Runs {
 public:
  void add(bool inside, std::int64_t pixels) {
    if (pixels == 0) return;
    if (inside != inside_) runs.push_back(0);
    inside_ = inside;
    runs.back() += pixels;
  }
  std::vector<std::int64_t> runs{0};

 private:
  bool inside_ = false;
};

Runs runs_of(const Mask& mask, Size image) {
  Runs runs;
  if (!mask.empty()) {
    runs.add(false, static_cast<std::int64_t>(mask.box.y0) * image.width);
    for (int y = mask.box.y0; y < mask.box.y1; ++y) {
      runs.add(false, mask.box.x0);
      const std::uint8_t* const row = mask.row(y);
      for (int x = 0; x < mask.box.width(); ++x) runs.add(row[x] != 0, 1);
      runs.add(false, image.width - mask.box.x1);
    }
  }
  const int below = mask.empty() ? image.height : image.height - mask.box.y1;
  runs.add(false, static_cast<std::int64_t>(below) * image.width);
  return runs;
}

constexpr std::array<int, 4> widths{4, 8, 12, 16};  // of lengths, in bits

void write_run(BitWriter& bits, std::int64_t values, std::uint8_t value) {
  while (values > 0) {
    const std::int64_t now = std::min<std::int64_t>(values, 1 << widths.back());
    const auto kind = std::find_if(widths.begin(), widths.end(),
                                   [&](int width) { return now <= std::int64_t{1} << width; });
    bits.add(1, 1);
    bits.add(static_cast<std::uint64_t>(kind - widths.begin()), kind_bits);
    bits.add(static_cast<std::uint64_t>(now - 1), *kind);
    bits.add(value, value_bits);
    values -= now;
  }
}

}  // namespace

std::vector<std::uint8_t> to_label_studio_rle(const Mask& mask, Size image) {
  constexpr std::int64_t too_many = std::int64_t{1} << (count_bits - 2);
  if (image.pixels() >= too_many)
    throw InvalidArgument(fmt::format("image: got {}, expected fewer than 2^30 pixels for a brush",
                                      to_string(image)));
  BitWriter bits;
  bits.add(static_cast<std::uint64_t>(image.pixels() * channels), count_bits);
  bits.add(value_bits - 1, width_bits);
  for (const int width : widths) bits.add(static_cast<std::uint64_t>(width - 1), length_bits);
  bool inside = false;
  for (const std::int64_t pixels : runs_of(mask, image).runs) {
    write_run(bits, pixels * channels, inside ? 255 : 0);
    inside = !inside;
  }
  return std::move(bits.bytes);
}

std::vector<std::int64_t> runs_of_label_studio_rle(std::span<const std::uint8_t> bytes,
                                                   Size image) {
  BitReader bits(bytes);
  const std::int64_t count = bits.next(count_bits);
  if (count != image.pixels() * channels)
    throw InvalidArgument(fmt::format("rle: holds {} values, expected {} for an image of {}", count,
                                      image.pixels() * channels, to_string(image)));
  const std::int64_t width = bits.next(width_bits) + 1;
  if (width != value_bits)
    throw InvalidArgument(fmt::format("rle: has values of {} bits, expected 8", width));
  std::array<int, 4> lengths{};
  for (int& length : lengths) length = static_cast<int>(bits.next(length_bits)) + 1;
  Runs runs;
  const auto is_inside = [&] { return bits.next(value_bits) > 127; };
  for (std::int64_t at = 0; at < count;) {
    const bool one_value = bits.next(1) == 1;
    const std::int64_t end =
        at + 1 + bits.next(lengths[static_cast<std::size_t>(bits.next(kind_bits))]);
    if (end > count) throw InvalidArgument("rle: goes beyond the image");
    if (one_value) {
      runs.add(is_inside(), end / channels - at / channels);  // alphas in between
      at = end;
    }
    for (; at < end; ++at) {
      const bool inside = is_inside();
      if (at % channels == channels - 1) runs.add(inside, 1);
    }
  }
  return std::move(runs.runs);
}

}  // namespace persense::serve
