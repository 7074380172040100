// Run lengths as COCO files hold them.
#include <fmt/format.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "column_runs.hpp"
#include "persense/error.hpp"
#include "persense/io/coco.hpp"

namespace persense::io {

namespace {

/// Collects runs of ones given by their positions in the column-major image.
class RunCollector {
 public:
  void add(std::int64_t begin, std::int64_t end) {
    if (begin == end_ && !counts_.empty()) {
      counts_.back() += static_cast<std::uint32_t>(end - begin);
    } else {
      counts_.push_back(static_cast<std::uint32_t>(begin - end_));
      counts_.push_back(static_cast<std::uint32_t>(end - begin));
    }
    end_ = end;
  }
  std::vector<std::uint32_t> finish(std::int64_t pixels) {
    if (end_ < pixels) counts_.push_back(static_cast<std::uint32_t>(pixels - end_));
    return std::move(counts_);
  }

 private:
  std::vector<std::uint32_t> counts_;
  std::int64_t end_ = 0;
};

}  // namespace

std::vector<std::uint32_t> rle_counts(const Mask& mask, Size size) {
  if (size.pixels() > std::numeric_limits<std::uint32_t>::max())
    throw InvalidArgument(
        fmt::format("run-length encoding: image of {} x {}, expected at most 2^32 - 1 pixels",
                    size.width, size.height));
  RunCollector runs;
  const PixelBox box = intersection(mask.box, {0, 0, size.width, size.height});
  const auto stride = mask.box.width();
  for (int x = box.x0; x < box.x1; ++x) {
    const std::uint8_t* bits = mask.row(box.y0) + (x - mask.box.x0);
    const std::int64_t column = std::int64_t{x} * size.height + box.y0;
    const int rows = box.height();
    for (int y = 0; y < rows;) {
      while (y < rows && bits[std::ptrdiff_t{y} * stride] == 0) ++y;
      const int begin = y;
      while (y < rows && bits[std::ptrdiff_t{y} * stride] != 0) ++y;
      if (begin < y) runs.add(column + begin, column + y);
    }
  }
  return runs.finish(size.pixels());
}

Mask mask_from_rle(const std::vector<std::uint32_t>& counts, Size size) {
  const std::int64_t pixels = size.pixels();
  std::int64_t total = 0;
  for (const std::uint32_t n : counts) total += n;
  if (total != pixels || size.width < 0 || size.height < 0)
    throw InvalidArgument(fmt::format("run-length code: {} pixels, expected {} ({} x {})", total,
                                      pixels, size.width, size.height));
  std::vector<detail::ColumnRun> runs;
  std::int64_t at = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (i % 2 == 1) runs.emplace_back(at, at + counts[i]);
    at += counts[i];
  }
  return detail::mask_of(runs, size);
}

std::string rle_to_string(const std::vector<std::uint32_t>& counts) {
  std::string text;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    // from the fourth on, the difference to the run of the same colour before
    std::int64_t value = counts[i];
    if (i > 2) value -= counts[i - 2];
    for (bool more = true; more;) {
      auto group = static_cast<int>(value & 0x1f);
      value >>= 5;
      more = (group & 0x10) != 0 ? value != -1 : value != 0;
      if (more) group |= 0x20;
      text.push_back(static_cast<char>(group + 48));
    }
  }
  return text;
}

std::vector<std::uint32_t> rle_from_string(std::string_view text) {
  const auto damaged = [] {
    return InvalidArgument("run-length code: damaged text, expected what COCO files hold");
  };
  std::vector<std::uint32_t> counts;
  for (std::size_t at = 0; at < text.size();) {
    std::int64_t value = 0;
    int shift = 0;
    for (bool more = true; more; shift += 5) {
      if (at == text.size() || shift > 35) throw damaged();
      const int group = text[at++] - 48;
      if (group < 0 || group > 63) throw damaged();
      value |= static_cast<std::int64_t>(group & 0x1f) << shift;
      more = (group & 0x20) != 0;
      if (!more && (group & 0x10) != 0) value -= std::int64_t{1} << (shift + 5);  // sign
    }
    if (counts.size() > 2) value += counts[counts.size() - 2];
    if (value < 0 || value > std::numeric_limits<std::uint32_t>::max()) throw damaged();
    counts.push_back(static_cast<std::uint32_t>(value));
  }
  return counts;
}

}  // namespace persense::io
