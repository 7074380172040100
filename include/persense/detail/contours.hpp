// persense/detail/contours.hpp: outer contours of a sparse binary image, with exact integer
// moments.
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "persense/error.hpp"
#include "persense/geometry.hpp"

namespace persense::detail {

/// A run of columns: begin <= x < end.
struct ColumnSpan {
  int begin = 0;
  int end = 0;
};

/// The spans of consecutive rows, one row after the other.
struct RowSpans {
  std::vector<ColumnSpan> spans;
  std::vector<std::size_t> row_end;  ///< per row: how many of the spans are its or before it

  void finish_row() { row_end.push_back(spans.size()); }
  /// The rows of `next` below these.
  void append(const RowSpans& next) {
    const std::size_t before = spans.size();
    spans.insert(spans.end(), next.spans.begin(), next.spans.end());
    for (const std::size_t end : next.row_end) row_end.push_back(before + end);
  }
};

/// A binary image that knows where its pixels can be. Rows are zero outside their spans, and memory
/// outside them is never touched: a 12 MP map with 200 blobs costs what its blobs cost.
class SparseBinaryImage {
 public:
  explicit SparseBinaryImage(Size size)
      : size_(size),
        stride_(static_cast<std::ptrdiff_t>(size.width) + 2),
        // calloc: untouched pages of a large image stay unmapped zeros
        pixels_(static_cast<std::int8_t*>(std::calloc(
            static_cast<std::size_t>(stride_) * (static_cast<std::size_t>(size.height) + 2), 1))) {
    if (!pixels_)
      throw OutOfMemory(fmt::format("binary map of {}: out of memory", to_string(size)));
  }

  Size size() const { return size_; }
  std::ptrdiff_t stride() const { return stride_; }
  /// Row y (0 <= y < height), indexable from -1 to width: there is a zero pixel all around.
  std::int8_t* row(int y) { return pixels_.get() + (y + 1) * stride_ + 1; }

  /// Where the pixels of the next rows can be. Every row is named once, from the top.
  void add_rows(const RowSpans& rows) { rows_.append(rows); }
  /// Sets a run of pixels.
  void set_run(int y, ColumnSpan run) {
    std::fill(row(y) + run.begin, row(y) + run.end, std::int8_t{1});
  }
  std::span<const ColumnSpan> spans(int y) const {
    const std::size_t first = y > 0 ? rows_.row_end[static_cast<std::size_t>(y) - 1] : 0;
    return std::span(rows_.spans)
        .subspan(first, rows_.row_end[static_cast<std::size_t>(y)] - first);
  }

 private:
  struct Free {
    void operator()(std::int8_t* p) const { std::free(p); }
  };
  Size size_;
  std::ptrdiff_t stride_;
  std::unique_ptr<std::int8_t[], Free> pixels_;
  RowSpans rows_;
};

/// The outer border of one 8-connected component: the polygon through its border pixels' centres.
/// The sums are exact integers: twice the area, and 6 x the first moments (Green's theorem), with
/// the sign of the tracing direction removed.
struct OuterContour {
  std::vector<Point> points;   ///< every border pixel, in tracing order
  std::int64_t area2 = 0;      ///< 2 x area enclosed by the polygon; 0 for lines and single pixels
  std::int64_t moment_x6 = 0;  ///< 6 x integral of x over the polygon
  std::int64_t moment_y6 = 0;  ///< 6 x integral of y over the polygon
  PixelBox box;

  double area() const { return 0.5 * static_cast<double>(area2); }
};

/// Follows one outer border and marks it in the image: 2, or -2 where the pixel to the right was
/// seen to be background (Suzuki and Abe 1985, border following; 8-connected).
class BorderFollower {
 public:
  BorderFollower(SparseBinaryImage& image) : image_(image) {
    const auto s = image.stride();
    offset_ = {1, 1 - s, -s, -1 - s, -1, s - 1, s, s + 1};
  }

  OuterContour follow(Point start) {
    contour_ = {};
    contour_.points.reserve(256);  // a blob of about 60 pixels across
    contour_.box = {start.x, start.y, start.x + 1, start.y + 1};
    std::int8_t* const first = image_.row(start.y) + start.x;
    int direction = 4;  // the pixel to the left is background: the scan just came from there
    std::int8_t* second = nullptr;
    do {
      direction = (direction - 1) & 7;
      if (first[offset_[direction]] != 0) second = first + offset_[direction];
    } while (second == nullptr && direction != 4);
    if (second == nullptr) {
      *first = -2;
      contour_.points.push_back(start);
      return std::move(contour_);
    }
    walk(first, second, start, direction);
    finish();
    return std::move(contour_);
  }

 private:
  void walk(std::int8_t* first, std::int8_t* second, Point at, int direction) {
    constexpr int dx[8] = {1, 1, 0, -1, -1, -1, 0, 1};
    constexpr int dy[8] = {0, -1, -1, -1, 0, 1, 1, 1};
    for (std::int8_t* pixel = first;;) {
      const int came_from = direction;
      int next = direction + 1;
      while (pixel[offset_[next & 7]] == 0) ++next;
      // the pixel to the right was passed over as background: this is a right edge
      const bool right_edge =
          static_cast<unsigned>((next & 7) - 1) < static_cast<unsigned>(came_from);
      if (right_edge)
        *pixel = -2;
      else if (*pixel == 1)
        *pixel = 2;
      contour_.points.push_back(at);
      direction = next & 7;
      std::int8_t* const following = pixel + offset_[direction];
      if (following == first && pixel == second) return;
      at = {at.x + dx[direction], at.y + dy[direction]};
      pixel = following;
      direction = (direction + 4) & 7;
    }
  }

  void finish() {
    const auto& points = contour_.points;
    Point previous = points.back();
    PixelBox& box = contour_.box;
    for (const Point p : points) {
      const std::int64_t cross = std::int64_t{previous.x} * p.y - std::int64_t{p.x} * previous.y;
      contour_.area2 += cross;
      contour_.moment_x6 += cross * (previous.x + p.x);
      contour_.moment_y6 += cross * (previous.y + p.y);
      box = {std::min(box.x0, p.x), std::min(box.y0, p.y), std::max(box.x1, p.x + 1),
             std::max(box.y1, p.y + 1)};
      previous = p;
    }
    if (contour_.area2 < 0) {
      contour_.area2 = -contour_.area2;
      contour_.moment_x6 = -contour_.moment_x6;
      contour_.moment_y6 = -contour_.moment_y6;
    }
  }

  SparseBinaryImage& image_;
  std::array<std::ptrdiff_t, 8> offset_;  // of the neighbours, from the right one upward
  OuterContour contour_;
};

/// The first x >= begin with row[x] != row[x - 1], or end. Reads row[begin - 1] to row[end - 1].
inline int next_change(const std::int8_t* row, int begin, int end) {
  int x = begin;
  for (; x + 8 <= end; x += 8) {  // eight pixels at a time
    std::uint64_t here, left;
    std::memcpy(&here, row + x, 8);
    std::memcpy(&left, row + x - 1, 8);
    if (const std::uint64_t changes = here ^ left; changes != 0) {
      const bool little = std::endian::native == std::endian::little;
      return x + (little ? std::countr_zero(changes) : std::countl_zero(changes)) / 8;
    }
  }
  while (x < end && row[x] == row[x - 1]) ++x;
  return x;
}

/// The outer contours of the image's 8-connected components, in raster order of their first pixel.
/// Holes are part of the area around them; components inside a hole are ignored. The image's pixels
/// (0 or 1) are overwritten with marks.
/// @par Source  the same contours, in the opposite order, as OpenCV's findContours with
/// RETR_EXTERNAL.
inline std::vector<OuterContour> outer_contours(SparseBinaryImage& image) {
  std::vector<OuterContour> contours;
  BorderFollower follower(image);
  for (int y = 0; y < image.size().height; ++y) {
    std::int8_t* row = image.row(y);
    int last_mark = 0;  // the last border pixel passed in this row: > 0 means inside a contour
    for (const auto [begin, end] : image.spans(y)) {
      for (int x = next_change(row, begin, end); x < end; x = next_change(row, x + 1, end)) {
        if (row[x] == 1 && row[x - 1] == 0 && last_mark <= 0)
          contours.push_back(follower.follow({x, y}));
        if (row[x] != 0 && row[x] != 1) last_mark = row[x];
      }
    }
  }
  return contours;
}

}  // namespace persense::detail
