// persense/detail/erosion.hpp: the 3 x 3 erosion (eq. 4) of a binary image that is mostly empty.
#pragma once

#include <algorithm>
#include <vector>

#include "persense/detail/contours.hpp"
#include "persense/detail/parallel.hpp"

namespace persense::detail {

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

}  // namespace persense::detail
