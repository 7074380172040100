// persense/idm.hpp: the Instance Detection Module, from a density map to candidate points.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <opencv2/imgproc.hpp>
#include <set>
#include <vector>

#include "persense/contours.hpp"
#include "persense/geometry.hpp"
#include "persense/maps.hpp"
#include "persense/options.hpp"

namespace persense {

/// What IDM found.
struct IdmResult {
  std::vector<Point> points;  ///< candidate points, in pixels of the image
  double count = 0;           ///< the map's sum, before any resize
};

namespace detail {

/// Rows begin <= y < end of an image.
struct RowRange {
  int begin = 0, end = 0;
};

/// How many bands for_bands makes: one a thread, of 64 rows at least.
inline int band_count(int rows) {
  return std::clamp(rows / 64, 1, std::max(1, cv::getNumThreads()));
}

/// Calls body(i, rows) for bands of rows that together are all of them, on several threads.
template <class Body>
void for_bands(int rows, Body&& body) {
  const int bands = band_count(rows);
  const auto edge = [&](int i) { return static_cast<int>(std::int64_t{rows} * i / bands); };
  cv::parallel_for_(cv::Range(0, bands), [&](const cv::Range& range) {
    for (int i = range.start; i < range.end; ++i) body(i, RowRange{edge(i), edge(i + 1)});
  });
}

/// What one pass over a density map tells: its sum, and every row's smallest and largest value.
struct MapSummary {
  double sum = 0;  ///< NaN or infinite when one value is: doubles do not overflow on sums of floats
  std::vector<float> row_min, row_max;
  bool finite() const { return std::isfinite(sum); }
};

inline MapSummary summarize(const FloatMapView& map) {
  constexpr int lanes = 8;  // independent ones, for vector instructions to work side by side
  using Lanes = Eigen::Array<float, lanes, 1>;
  const auto rows = static_cast<std::size_t>(map.rows());
  MapSummary summary{0, std::vector<float>(rows), std::vector<float>(rows)};
  std::vector<double> row_sum(rows);
  const auto summarize_row = [&](std::size_t y) {
    const float* const row = map.data() + static_cast<Eigen::Index>(y) * map.outerStride();
    Lanes low = Lanes::Constant(row[0]), high = low;
    Eigen::Array<double, lanes, 1> sum = Eigen::Array<double, lanes, 1>::Zero();
    Eigen::Index x = 0;
    for (; x + lanes <= map.cols(); x += lanes) {
      const Eigen::Map<const Lanes> values(row + x);
      low = low.min(values);
      high = high.max(values);
      sum += values.cast<double>();
    }
    for (; x < map.cols(); ++x) {
      low[0] = std::min(low[0], row[x]);
      high[0] = std::max(high[0], row[x]);
      sum[0] += row[x];
    }
    summary.row_min[y] = low.minCoeff();
    summary.row_max[y] = high.maxCoeff();
    row_sum[y] = sum.sum();
  };
  for_bands(static_cast<int>(rows), [&](int, RowRange band) {
    for (int y = band.begin; y < band.end; ++y) summarize_row(static_cast<std::size_t>(y));
  });
  for (const double sum : row_sum) summary.sum += sum;  // in order: whatever the bands
  return summary;
}

/// Writes the 3 x 3 erosion of the rows fed to it, one row late. A row is a list of runs of set
/// pixels, so that a row costs what its runs cost and not what its pixels do. Pixels outside the
/// image do not erode (eq. 4 with the border the reference gets from OpenCV).
class RowEroder {
 public:
  /// Writes the rows of `band` to `out`; other rows of it may be written to at the same time.
  RowEroder(SparseBinaryImage& out, RowRange band) : out_(out), band_(band), fed_(input().begin) {}

  /// The rows that have to be fed, in order: the band and its neighbours.
  RowRange input() const {
    return {std::max(band_.begin - 1, 0), std::min(band_.end + 1, out_.size().height)};
  }

  /// Sets pixels of the current row, right of the ones before.
  void add(ColumnSpan span) {
    auto& runs = rows_[fed_ % 3];
    if (!runs.empty() && runs.back().end == span.begin)
      runs.back().end = span.end;
    else
      runs.push_back(span);
  }

  void finish_row() {
    ++fed_;
    if (fed_ - 2 >= band_.begin) erode(fed_ - 2);
    if (fed_ == band_.end && fed_ == out_.size().height) erode(fed_ - 1);
    rows_[fed_ % 3].clear();
  }

  /// Where the band's pixels are, once all of input() was fed.
  const RowSpans& spans() const { return written_; }

 private:
  using Runs = std::vector<ColumnSpan>;

  void erode(int y) {
    const Runs* common = &rows_[y % 3];
    if (y > 0) common = &intersect(*common, rows_[(y + 2) % 3], with_above_);
    if (y + 1 < out_.size().height) common = &intersect(*common, rows_[(y + 1) % 3], with_both_);
    const int width = out_.size().width;
    for (const auto [begin, end] : *common) {
      const ColumnSpan kept{begin > 0 ? begin + 1 : 0, end < width ? end - 1 : width};
      if (kept.begin >= kept.end) continue;
      out_.set_run(y, kept);
      written_.spans.push_back(kept);
    }
    written_.finish_row();
  }

  static const Runs& intersect(const Runs& a, const Runs& b, Runs& out) {
    out.clear();
    for (auto i = a.begin(), j = b.begin(); i != a.end() && j != b.end();) {
      const ColumnSpan common{std::max(i->begin, j->begin), std::min(i->end, j->end)};
      if (common.begin < common.end) out.push_back(common);
      ++(i->end < j->end ? i : j);
    }
    return out;
  }

  SparseBinaryImage& out_;
  RowRange band_;
  int fed_;
  Runs rows_[3], with_above_, with_both_;
  RowSpans written_;
};

/// A run of columns whose values are above a cutoff for certain, or have to be looked at.
struct ColumnRun {
  ColumnSpan span;
  bool certain = false;
};

/// The density map seen at image size, evaluated only where its value matters. The arithmetic of a
/// value is OpenCV's float32 bilinear resize: rows first, then columns, product by product.
///
/// A cell is the square between four neighbouring input values; the values of the image's pixels in
/// it lie between these four. So the cells that a level line crosses are all that must be computed
/// to know what is above the level.
class MapAtImageSize {
 public:
  /// @param summary  the map's. Both are borrowed.
  MapAtImageSize(const FloatMapView& map, const MapSummary& summary, Size size)
      : map_(map),
        summary_(summary),
        across_(map_.cols(), size.width),
        down_(map_.rows(), size.height) {
    const float largest =
        std::max(std::abs(*std::min_element(summary.row_min.begin(), summary.row_min.end())),
                 std::abs(*std::max_element(summary.row_max.begin(), summary.row_max.end())));
    slack_ = 1e-6f * largest + std::numeric_limits<float>::min();
  }

  /// Feeds the runs of pixels >= cutoff to `rows`, row by row.
  void threshold(float cutoff, RowEroder& rows) const {
    Level level(*this, cutoff);
    int upper = -1;
    for (int y = rows.input().begin; y < rows.input().end; ++y) {
      if (down_.first[y] != upper) level.move_to(upper = down_.first[y]);
      level.add_row(down_.weight[y], rows);
      rows.finish_row();
    }
  }

  /// The smallest and the largest value at image size. Only pixels near an input value beyond the
  /// best found so far can improve it.
  std::pair<float, float> range() const {
    return {most_extreme(summary_.row_min, std::less<float>()),
            most_extreme(summary_.row_max, std::greater<float>())};
  }

 private:
  /// One axis: where output samples fall between input samples, and who reads which of them.
  struct Axis : LinearTaps {
    std::vector<int>
        first_reader;  ///< outputs i with first[i] == c: first_reader[c] <= i < [c + 1]

    Axis(Eigen::Index from, int to)
        : LinearTaps(taps(static_cast<int>(from), to)),
          first_reader(static_cast<std::size_t>(from) + 1) {
      int reader = 0;
      for (int c = 0; c <= from; ++c) {
        while (reader < to && first[reader] < c) ++reader;
        first_reader[c] = reader;
      }
    }
    int size() const { return static_cast<int>(first.size()); }
    /// Output samples that input sample c has a part in.
    ColumnSpan readers(int c) const {
      return {first_reader[std::max(c - 1, 0)], first_reader[c + 1]};
    }
  };

  static LinearTaps taps(int from, int to) {
    LinearTaps t{std::vector<int>(to), std::vector<int>(to), std::vector<float>(to)};
    const double scale = static_cast<double>(from) / to;
    for (int i = 0; i < to; ++i) {
      float position = std::max(0.0f, static_cast<float>((i + 0.5) * scale - 0.5));
      int below = static_cast<int>(position);
      position -= static_cast<float>(below);
      if (below >= from - 1) below = from - 1, position = 0;
      t.first[i] = below;
      t.second[i] = std::min(below + 1, from - 1);
      t.weight[i] = position;
    }
    return t;
  }

  const float* input_row(int y) const { return map_.data() + y * map_.outerStride(); }

  float value(int x, int y) const {
    const float w = across_.weight[x], v = 1.0f - w, b = down_.weight[y], a = 1.0f - b;
    const auto across = [&](int r) {
      return input_row(r)[across_.first[x]] * v + input_row(r)[across_.second[x]] * w;
    };
    return across(down_.first[y]) * a + across(down_.second[y]) * b;
  }

  /// @param rows    every row's most extreme value
  /// @param better  whether its first argument is more extreme
  template <class Better>
  float most_extreme(const std::vector<float>& rows, Better better) const {
    float best = value(0, 0);
    const auto look_near = [&](int c, int r) {
      for (int y = down_.readers(r).begin; y < down_.readers(r).end; ++y)
        for (int x = across_.readers(c).begin; x < across_.readers(c).end; ++x)
          if (const float v = value(x, y); better(v, best)) best = v;
    };
    const auto look_along = [&](int r) {
      const float* row = input_row(r);
      for (int c = 0; c < static_cast<int>(map_.cols()); ++c)
        if (better(row[c], best)) look_near(c, r);
    };
    // the most extreme row first: after it, few others are worth a look
    look_along(static_cast<int>(std::min_element(rows.begin(), rows.end(), better) - rows.begin()));
    for (int r = 0; r < static_cast<int>(map_.rows()); ++r)
      if (better(rows[static_cast<std::size_t>(r)], best)) look_along(r);
    return best;
  }

  /// What is known of a value, or of a cell: possibly at the cutoff or above, certainly above.
  struct Known {
    static constexpr std::int8_t nothing = 0, possible = 1, certain = 3;
  };

  /// A level line between two input rows: what is above it in the image rows between them.
  class Level {
   public:
    Level(const MapAtImageSize& map, float cutoff)
        : map_(map),
          cutoff_(cutoff),
          columns_(static_cast<int>(map.map_.cols())),
          upper_levels_(static_cast<std::size_t>(columns_) + 1),
          lower_levels_(upper_levels_.size()),
          cells_(static_cast<std::size_t>(columns_)),
          upper_values_(map.across_.first.size()),
          lower_values_(upper_values_.size()) {}

    /// Goes to the image rows between input row `upper` and the next one.
    void move_to(int upper) {
      runs_.clear();
      const int lower = std::min(upper + 1, static_cast<int>(map_.map_.rows()) - 1);
      const auto& row_max = map_.summary_.row_max;
      if (std::max(row_max[upper], row_max[lower]) < cutoff_ - map_.slack_) return;
      if (classified_ == upper)
        std::swap(upper_levels_, lower_levels_);
      else
        classify(upper, upper_levels_);
      classify(lower, lower_levels_);
      classified_ = lower;
      classify_cells();

      for (int c = 0; c < columns_;) {
        const int next = next_change(cells_.data(), c + 1, columns_);
        const ColumnSpan span{map_.across_.first_reader[c], map_.across_.first_reader[next]};
        if (cells_[c] != Known::nothing && span.begin < span.end) {
          runs_.push_back({span, cells_[c] == Known::certain});
          if (cells_[c] == Known::possible) interpolate_across(span, upper, lower);
        }
        c = next;
      }
    }

    /// Feeds one image row, `weight` of the way down to the lower input row.
    void add_row(float weight, RowEroder& rows) const {
      for (const auto& run : runs_) {
        if (run.certain)
          rows.add(run.span);
        else
          add_pixels(run.span, weight, rows);
      }
    }

   private:
    /// One level a value of an input row, and one more at the end, for the last column's cell.
    void classify(int r, std::vector<std::int8_t>& levels) const {
      const float* row = map_.input_row(r);
      std::int8_t* level = levels.data();
      const float low = cutoff_ - map_.slack_, high = cutoff_ + map_.slack_;
      for (int c = 0; c < columns_; ++c)
        level[c] = static_cast<std::int8_t>((row[c] >= low) | (row[c] >= high) << 1);
      level[columns_] = level[columns_ - 1];
    }

    void classify_cells() {
      const std::int8_t* a = upper_levels_.data();
      const std::int8_t* b = lower_levels_.data();
      std::int8_t* cell = cells_.data();
      for (int c = 0; c < columns_; ++c) {
        const int any = a[c] | a[c + 1] | b[c] | b[c + 1];
        const int all = a[c] & a[c + 1] & b[c] & b[c + 1];
        cell[c] = static_cast<std::int8_t>((any & Known::possible) | (all & Known::certain));
      }
    }

    void interpolate_across(ColumnSpan span, int upper, int lower) {
      const float* a = map_.input_row(upper);
      const float* b = map_.input_row(lower);
      const Axis& across = map_.across_;
      for (int x = span.begin; x < span.end; ++x) {
        const int i = across.first[x], j = across.second[x];
        const float w = across.weight[x], v = 1.0f - w;
        upper_values_[x] = a[i] * v + a[j] * w;
        lower_values_[x] = b[i] * v + b[j] * w;
      }
    }

    void add_pixels(ColumnSpan span, float b, RowEroder& rows) const {
      const float a = 1.0f - b;
      const auto above = [&](int x) {
        return upper_values_[x] * a + lower_values_[x] * b >= cutoff_;
      };
      for (int x = span.begin; x < span.end; ++x) {
        if (!above(x)) continue;
        const int begin = x++;
        while (x < span.end && above(x)) ++x;
        rows.add({begin, x});
      }
    }

    const MapAtImageSize& map_;
    float cutoff_;
    int columns_;
    int classified_ = -1;  // the input row that lower_levels_ is of
    std::vector<std::int8_t> upper_levels_, lower_levels_, cells_;
    std::vector<ColumnRun> runs_;
    std::vector<float> upper_values_, lower_values_;  // at output columns, where mixed
  };

  FloatMapView map_;
  const MapSummary& summary_;
  Axis across_, down_;
  float slack_;  // more than what rounding can move a value
};

/// The 0..255 level of a value in a map of the given range; truncated as the reference does.
inline int gray_level(float value, float lowest, float highest) {
  return static_cast<int>((value - lowest) / (highest - lowest) * 255.0f);
}

/// The smallest float whose gray level is at least `level`: levels are monotone in the value, so
/// one comparison with this replaces the whole 8-bit conversion.
inline float cutoff_for(int level, float lowest, float highest) {
  float low = lowest, high = highest;  // invariant: gray(low) < level <= gray(high)
  if (gray_level(low, lowest, highest) >= level) return low;
  if (gray_level(high, lowest, highest) < level) return std::numeric_limits<float>::infinity();
  for (;;) {
    const float middle = low + (high - low) * 0.5f;
    if (middle <= low || middle >= high) return high;
    (gray_level(middle, lowest, highest) >= level ? high : low) = middle;
  }
}

/// Steps 1 to 3 of algorithm 2: the eroded binary map at image size.
inline SparseBinaryImage eroded_binary_map(const FloatMapView& density, const MapSummary& summary,
                                           Size size, int level) {
  SparseBinaryImage binary(size);
  const MapAtImageSize map(density, summary, size);
  const auto [lowest, highest] = map.range();
  // a constant map has nothing above any level
  const float cutoff = highest > lowest ? cutoff_for(level, lowest, highest)
                                        : std::numeric_limits<float>::infinity();
  std::vector<RowSpans> spans(static_cast<std::size_t>(band_count(size.height)));
  for_bands(size.height, [&](int i, RowRange band) {
    RowEroder eroder(binary, band);
    map.threshold(cutoff, eroder);
    spans[static_cast<std::size_t>(i)] = eroder.spans();
  });
  for (const RowSpans& band : spans) binary.add_rows(band);
  return binary;
}

/// The centre of a contour: its centroid, truncated to the pixel.
inline Point center_of(const OuterContour& contour, Rules rules) {
  if (rules == Rules::reference) {
    // double arithmetic and epsilon of the released code; a zero area gives (0, 0)
    const double area = 0.5 * static_cast<double>(contour.area2) + 1e-15;
    constexpr double sixth = 0.16666666666666666666666666666667;
    return {static_cast<int>(static_cast<double>(contour.moment_x6) * sixth / area),
            static_cast<int>(static_cast<double>(contour.moment_y6) * sixth / area)};
  }
  if (contour.area2 == 0) {
    // a line or a single pixel: the border pixel half way along it
    auto points = contour.points;
    const auto middle = points.begin() + static_cast<std::ptrdiff_t>(points.size() / 2);
    std::nth_element(points.begin(), middle, points.end());
    return *middle;
  }
  return {static_cast<int>(contour.moment_x6 / (3 * contour.area2)),
          static_cast<int>(contour.moment_y6 / (3 * contour.area2))};
}

/// Distances to the nearest zero pixel of a mask (CV_8UC1), in 1/65536 pixels.
///
/// Two sweeps over rows; in each row all but the horizontal neighbour is done in vector
/// instructions first. Pixels outside the mask are not background.
/// @return  and the largest distance; row y starts at (y + 1) * stride + 1, stride = columns + 2.
/// @par Source  the 3 x 3 chamfer of Borgefors 1986 with the weights and the fixed point that
/// OpenCV's
///   distanceTransform(DIST_L2, 3) gives the reference: 0.955 and 1.3693.
struct ChamferDistance {
  std::vector<std::int32_t> distance;
  std::ptrdiff_t stride;
  std::int32_t furthest = 0;

  explicit ChamferDistance(const cv::Mat& mask)
      : distance(
            (static_cast<std::size_t>(mask.cols) + 2) * (static_cast<std::size_t>(mask.rows) + 2),
            far),
        stride(std::ptrdiff_t{mask.cols} + 2) {
    for (int y = 0; y < mask.rows; ++y) {
      std::int32_t* const row = row_of(y);
      take_from(row, row - stride, mask.ptr(y), mask.cols);
      for (int x = 0; x < mask.cols; ++x) row[x] = std::min(row[x], row[x - 1] + straight);
    }
    for (int y = mask.rows - 1; y >= 0; --y) {
      std::int32_t* const row = row_of(y);
      take_from(row, row + stride, nullptr, mask.cols);
      for (int x = mask.cols - 1; x >= 0; --x) row[x] = std::min(row[x], row[x + 1] + straight);
      furthest = std::max(furthest, *std::max_element(row, row + mask.cols));
    }
  }
  const std::int32_t* row_of(int y) const { return distance.data() + (y + 1) * stride + 1; }

 private:
  static constexpr std::int32_t straight = 62587, diagonal = 89738, far = 1 << 30;

  std::int32_t* row_of(int y) { return distance.data() + (y + 1) * stride + 1; }

  /// The shortest way through the neighbouring row; in the first sweep, 0 where the mask is.
  static void take_from(std::int32_t* row, const std::int32_t* neighbour, const std::uint8_t* mask,
                        int columns) {
    for (int x = 0; x < columns; ++x) {
      const std::int32_t slanted = std::min(neighbour[x - 1], neighbour[x + 1]) + diagonal;
      const std::int32_t through = std::min(slanted, neighbour[x] + straight);
      row[x] = mask ? (mask[x] ? through : 0) : std::min(row[x], through);
    }
  }
};

/// Step 19 and 20 of algorithm 2: the parts of a composite contour whose distance to its edge is
/// above half the largest. Works on the contour's box alone; a margin of one pixel of background is
/// all the distance transform can see of the rest.
inline std::vector<OuterContour> child_contours(const OuterContour& parent, Size image) {
  const PixelBox box{std::max(parent.box.x0 - 1, 0), std::max(parent.box.y0 - 1, 0),
                     std::min(parent.box.x1 + 1, image.width),
                     std::min(parent.box.y1 + 1, image.height)};
  std::vector<std::vector<cv::Point>> polygon(1);
  for (const Point p : parent.points) polygon[0].emplace_back(p.x - box.x0, p.y - box.y0);
  cv::Mat filled = cv::Mat::zeros(box.height(), box.width(), CV_8UC1);
  cv::drawContours(filled, polygon, 0, 255, cv::FILLED);
  const ChamferDistance chamfer(filled);
  // in float32, as the reference compares
  const float limit = 0.5f * static_cast<float>(chamfer.furthest);

  SparseBinaryImage cores({box.width(), box.height()});
  RowSpans whole_rows;
  for (int y = 0; y < box.height(); ++y) {
    const std::int32_t* d = chamfer.row_of(y);
    std::int8_t* row = cores.row(y);
    for (int x = 0; x < box.width(); ++x) row[x] = static_cast<float>(d[x]) > limit;
    whole_rows.spans.push_back({0, box.width()});
    whole_rows.finish_row();
  }
  cores.add_rows(whole_rows);
  auto children = outer_contours(cores);
  for (auto& child : children) {
    for (Point& p : child.points) p = {p.x + box.x0, p.y + box.y0};
    // shifting a polygon by (dx, dy) adds area * shift to its first moments
    child.moment_x6 += 3 * child.area2 * box.x0;
    child.moment_y6 += 3 * child.area2 * box.y0;
  }
  return children;
}

/// Mean + 2 population standard deviations of the contours' areas (eq. 5).
inline double composite_area(const std::vector<OuterContour>& contours) {
  if (contours.empty()) return 0;
  const double n = static_cast<double>(contours.size());
  double sum = 0, squares = 0;
  for (const auto& c : contours) sum += c.area();
  const double mean = sum / n;
  for (const auto& c : contours) squares += (c.area() - mean) * (c.area() - mean);
  return mean + 2 * std::sqrt(squares / n);
}

/// The frame that a map is binarised in: the image's, or the map's own where that is finer. Shrunk,
/// the peaks of small objects would be too narrow to outlast the erosion.
inline Size idm_frame(Size map, Size image) {
  return map.width >= image.width && map.height >= image.height ? map : image;
}

/// The pixel of the image in which the middle of a pixel of the frame lies.
inline Point rescaled(Point p, Size frame, Size image) {
  const auto at = [](int i, int from, int to) {
    return from == to ? i
                      : static_cast<int>((2 * std::int64_t{i} + 1) * to / (2 * std::int64_t{from}));
  };
  return {at(p.x, frame.width, image.width), at(p.y, frame.height, image.height)};
}

}  // namespace detail

/// Candidate points: one for each blob of the density map, and one for each core of a composite
/// blob.
///
/// @param density  (h, w) float32, objects per pixel, of any size. Borrowed for the call.
/// @param image    the size the map is stretched to (bilinear); points are pixels of this frame.
///                 With Rules::paper a map that is finer than the image keeps its own size.
/// @return  the children of composite contours, then all contours (composites included),
/// bottom-most
///   first; and the map's sum.
/// @throws InvalidArgument  empty map or image; with Rules::paper, NaN or infinity in the map.
/// @par Rules  Rules::reference differs from the paper in these points, and reproduces them:
///   a pixel passes when its level is > threshold (eq. 3 has >=); a contour without area (a line, a
///   dot) is put at (0, 0) instead of on itself; 1e-15 is added to areas, which moves exact integer
///   centroids of areas below 16 by -1; the same point may be returned twice; NaN anywhere gives no
///   points. With Rules::paper points are distinct, and a constant map has none under either.
/// @par Cost  linear in the map's and the blobs' pixels; nothing full-frame is done per object.
/// @par Threads  Pure function; safe to call concurrently.
/// @par Source  PerSense section 3.2, eq. 3 to 5, algorithm 2; released code `PerSense_modules.py`,
///   `IDM` (threshold 30) and `IDM_countr` (threshold 20).
inline IdmResult idm(const FloatMapView& density, Size image, const IdmOptions& options = {}) {
  if (density.size() == 0 || image.width <= 0 || image.height <= 0)
    throw InvalidArgument(
        fmt::format("idm: density map of {}, image of {}; expected at least 1 x 1",
                    to_string(size_of(density)), to_string(image)));
  const detail::MapSummary summary = detail::summarize(density);
  IdmResult result;
  result.count = summary.sum;
  if (!summary.finite()) {
    if (options.rules == Rules::paper) require_finite(density, "density map");
    return result;
  }
  const bool strict = options.rules == Rules::reference;
  const Size frame = strict ? image : detail::idm_frame(size_of(density), image);
  auto binary =
      detail::eroded_binary_map(density, summary, frame, options.threshold + (strict ? 1 : 0));
  auto contours = outer_contours(binary);
  std::reverse(contours.begin(), contours.end());

  const double limit = detail::composite_area(contours);
  std::set<Point> seen;
  const auto add = [&](const OuterContour& contour) {
    const Point p = detail::rescaled(detail::center_of(contour, options.rules), frame, image);
    if (options.rules == Rules::reference || seen.insert(p).second) result.points.push_back(p);
  };
  std::vector<const OuterContour*> composites;
  if (options.split == Switch::on)
    for (const auto& contour : contours)
      if (contour.area() > limit) composites.push_back(&contour);
  std::vector<std::vector<OuterContour>> children(composites.size());
  cv::parallel_for_(cv::Range(0, static_cast<int>(composites.size())), [&](const cv::Range& range) {
    for (int i = range.start; i < range.end; ++i)
      children[static_cast<std::size_t>(i)] =
          detail::child_contours(*composites[static_cast<std::size_t>(i)], frame);
  });
  for (const auto& family : children) std::for_each(family.rbegin(), family.rend(), add);
  std::for_each(contours.begin(), contours.end(), add);
  return result;
}

/// The count PPSM is given: the sum itself, or (as the released DSALVANet path does) rounded up
/// from float32.
inline double ceil_count(double sum) { return std::ceil(static_cast<float>(sum)); }

}  // namespace persense
