// persense/detail/map_at_image_size.hpp: what is above a level in a density map that is stretched
// over an image, without stretching it.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

#include "persense/detail/contours.hpp"
#include "persense/detail/erosion.hpp"
#include "persense/detail/parallel.hpp"
#include "persense/detail/resampling.hpp"
#include "persense/geometry.hpp"
#include "persense/maps.hpp"

namespace persense::detail {

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
        : LinearTaps(opencv_bilinear(static_cast<int>(from), to)),
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

}  // namespace persense::detail
