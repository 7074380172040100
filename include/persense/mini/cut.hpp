// persense/mini/cut.hpp: from the small network's maps to pieces.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <opencv2/imgproc.hpp>
#include <span>
#include <utility>
#include <vector>

#include "persense/classic/filters.hpp"
#include "persense/classic/landscape.hpp"
#include "persense/classic/stripes.hpp"
#include "persense/geometry.hpp"

namespace persense::mini {

/// Equivalent diameter at which the network expects the support object, pixels.
inline constexpr double canonical = 24;
/// Its area, pixels.
inline constexpr double canonical_area = std::numbers::pi / 4 * canonical * canonical;
/// Pixels of the working image that a cell of its maps spans.
inline constexpr int stride = 2;

/// The constants of the cut. Lengths are in pixels of the working image, in which the support
/// object's diameter is `canonical`.
struct CutConstants {
  double foreground = 0.25;  ///< probability of being a target's from which a pixel is,
  double rim = 0.35;         ///< if it is at least this part of what its object's pixels reach
  double peak = 0.2;         ///< least peak of the density, in peaks of one object
  double peak_blur = 1.2;    ///< smoothing before peaks are taken
  double between = 0.6;      ///< part of its own offset within which a vote meets a better peak
  double apart = 3.2;        ///< peaks are no closer
  double vote_reach = 6;     ///< votes count within this distance of a peak,
  double vote_share = 0.45;  ///< or within this part of the way that the pixel is away from it
  double sure = 0.5;         ///< probability from which foreground that no peak claims makes peaks,
  double meeting = 0.22;     ///< if so many of its votes meet, in areas of the support object,
  double meeting_blur = 3;   ///< within about this distance
  double meeting_height = 0.25;  ///< of such a peak: below any of the density's
  double smallest = 0.06;        ///< piece, in areas of the support object
  double smallest_pixels = 8;    ///< piece, pixels of the image
};

/// What the network says about a working image: each map CV_32FC1, a cell `stride` pixels.
struct Maps {
  cv::Mat target;              ///< logit of being foreground: an object that may be a target
  cv::Mat peak;                ///< logit of the density, in peaks of one object
  cv::Mat offset_x, offset_y;  ///< to the own object's centre, in canonical / 2
  cv::Size work;               ///< size of the working image, pixels
};

namespace detail {

struct Peak {
  cv::Point cell;
  float height = 0;
};

/// exp(-x) overflows to infinity, which gives 0, as it should.
inline cv::Mat sigmoid(const cv::Mat& logits) {
  cv::Mat out;
  cv::exp(-logits, out);
  return 1.0 / (1.0 + out);
}

inline double logit(double p) { return std::log(p / (1 - p)); }

/// Cells by the square of the grid that they lie in, so that a near one is found without a look at
/// all.
class CellGrid {
 public:
  explicit CellGrid(cv::Size cells)
      : across_((cells.width + side - 1) / side),
        down_((cells.height + side - 1) / side),
        squares_(static_cast<std::size_t>(across_) * static_cast<std::size_t>(down_)) {}

  void add(cv::Point cell) { square(cell.x / side, cell.y / side).push_back(cell); }

  /// Whether a cell that was added is closer to (x, y) than `distance`, at most `side`.
  bool has_within(double distance, double x, double y) const {
    const int u = static_cast<int>(std::floor(x / side)),
              v = static_cast<int>(std::floor(y / side));
    const auto near = [&](cv::Point p) { return std::hypot(p.x - x, p.y - y) < distance; };
    for (int j = std::max(0, v - 1); j <= std::min(down_ - 1, v + 1); ++j)
      for (int i = std::max(0, u - 1); i <= std::min(across_ - 1, u + 1); ++i) {
        const auto& cells = squares_[index(i, j)];
        if (std::any_of(cells.begin(), cells.end(), near)) return true;
      }
    return false;
  }

  static constexpr int side = 16;

 private:
  std::size_t index(int i, int j) const { return static_cast<std::size_t>(j * across_ + i); }
  std::vector<cv::Point>& square(int i, int j) { return squares_[index(i, j)]; }

  int across_, down_;
  std::vector<std::vector<cv::Point>> squares_;
};

/// Local maxima of the density on foreground, highest first. Of several in one object, which show
/// by their votes going to a higher one, only the highest is kept.
inline std::vector<Peak> peaks_of(const Maps& maps, const CutConstants& c) {
  cv::Mat density = sigmoid(maps.peak), highest;
  cv::GaussianBlur(density, density, {}, c.peak_blur / stride);
  cv::dilate(density, highest, cv::Mat());
  const double lowest_target = logit(0.8 * c.foreground);
  const cv::Mat at_peak = (density >= highest) & (density > c.peak) & (maps.target > lowest_target);
  std::vector<cv::Point> cells;
  cv::findNonZero(at_peak, cells);
  std::vector<Peak> found;
  for (const cv::Point& cell : cells) found.push_back({cell, density.at<float>(cell)});
  std::stable_sort(found.begin(), found.end(),
                   [](const Peak& a, const Peak& b) { return a.height > b.height; });

  const double unit = canonical / 2 / stride;  // of offsets, in cells
  CellGrid taken(density.size());
  std::vector<Peak> kept;
  for (const Peak& peak : found) {
    const double dx = unit * maps.offset_x.at<float>(peak.cell),
                 dy = unit * maps.offset_y.at<float>(peak.cell), away = std::hypot(dx, dy);
    const double reach = std::min<double>(c.between * away, CellGrid::side);
    if (taken.has_within(c.apart / stride, peak.cell.x, peak.cell.y)) continue;
    if (away > 1 && taken.has_within(reach, peak.cell.x + dx, peak.cell.y + dy)) continue;
    taken.add(peak.cell);
    kept.push_back(peak);
  }
  return kept;
}

/// For every cell the nearest of these peaks: index + 1.
inline cv::Mat nearest_peak(const std::vector<Peak>& peaks, cv::Size cells) {
  cv::Mat other(cells, CV_8UC1, cv::Scalar(255)), distance, label;
  for (const Peak& peak : peaks) other.at<std::uint8_t>(peak.cell) = 0;
  cv::distanceTransform(other, distance, label, cv::DIST_L2, 5, cv::DIST_LABEL_PIXEL);
  std::vector<int> number(peaks.size() + 1, 0);
  for (std::size_t i = 0; i < peaks.size(); ++i)
    number[static_cast<std::size_t>(label.at<int>(peaks[i].cell))] = static_cast<int>(i) + 1;
  for (int y = 0; y < label.rows; ++y)
    for (int *l = label.ptr<int>(y), *end = l + label.cols; l != end; ++l)
      *l = number[static_cast<std::size_t>(*l)];
  return label;
}

/// Every pixel without a label that is more probable than `foreground` joins the peak that its
/// offset leads to, if to any.
/// @param first  label of the first of the peaks; the others' follow.
inline void vote(const Maps& maps, const cv::Mat& target, const std::vector<Peak>& peaks, int first,
                 double foreground, const CutConstants& c, cv::Mat& labels) {
  if (peaks.empty()) return;
  const cv::Mat nearest = nearest_peak(peaks, maps.peak.size());
  constexpr float unit = canonical / 2;
  constexpr float middle = 0.5f * (stride - 1);  // of a cell, from its first pixel
  const auto cell_at = [](float pixel, int cells) {
    return std::clamp(cvRound((pixel - middle) / stride), 0, cells - 1);
  };
  const auto square = [](cv::Point2f p) { return p.dot(p); };
  const auto reach = static_cast<float>(c.vote_reach), share = static_cast<float>(c.vote_share);
  const auto peak_of = [&](cv::Point2f at, cv::Point2f to) {
    const int number = nearest.at<int>(cell_at(to.y, nearest.rows), cell_at(to.x, nearest.cols));
    const cv::Point2f cell = peaks[static_cast<std::size_t>(number - 1)].cell;
    const cv::Point2f peak = stride * cell + cv::Point2f(middle, middle);
    const float allowed = std::max(reach * reach, share * share * square(at - peak));
    return square(to - peak) < allowed ? first + number - 1 : 0;
  };
  const auto threshold = static_cast<float>(logit(foreground));
  classic::each_row(labels.rows, [&](int y) {
    const float *probable = target.ptr<float>(y), *offset_x = maps.offset_x.ptr<float>(y / stride),
                *offset_y = maps.offset_y.ptr<float>(y / stride);
    int* label = labels.ptr<int>(y);
    for (int x = 0; x < labels.cols; ++x) {
      if (label[x] != 0 || !(probable[x] > threshold)) continue;
      const cv::Point2f at(static_cast<float>(x), static_cast<float>(y));
      label[x] = peak_of(at, at + unit * cv::Point2f(offset_x[x / stride], offset_y[x / stride]));
    }
  });
}

/// Peaks where many votes of sure foreground meet that has no label so far. The density leaves out
/// objects that differ from the support object, which looks judge better.
inline std::vector<Peak> peaks_of_the_rest(const Maps& maps, const cv::Mat& labels,
                                           const CutConstants& c) {
  const double unit = canonical / 2 / stride;  // of offsets, in cells
  const auto threshold = static_cast<float>(logit(c.sure));
  const cv::Rect inside({}, maps.peak.size());
  cv::Mat votes = cv::Mat::zeros(maps.peak.size(), CV_32FC1), highest;
  for (int y = 0; y < votes.rows; ++y)
    for (int x = 0; x < votes.cols; ++x) {
      const cv::Point pixel(std::min(x * stride, labels.cols - 1),
                            std::min(y * stride, labels.rows - 1));
      if (maps.target.at<float>(y, x) <= threshold || labels.at<int>(pixel) != 0) continue;
      const cv::Point to(static_cast<int>(std::lround(x + unit * maps.offset_x.at<float>(y, x))),
                         static_cast<int>(std::lround(y + unit * maps.offset_y.at<float>(y, x))));
      if (inside.contains(to)) votes.at<float>(to) += 1;
    }
  const double sigma = c.meeting_blur / stride;
  cv::GaussianBlur(votes, votes, {}, sigma);
  votes *= 2 * std::numbers::pi * sigma * sigma;  // how many meet, if they meet in one cell
  cv::dilate(votes, highest, cv::Mat::ones(5, 5, CV_8UC1));
  const double least = c.meeting * canonical_area / (stride * stride);
  std::vector<cv::Point> cells;
  cv::findNonZero((votes >= highest) & (votes > least), cells);
  std::stable_sort(cells.begin(), cells.end(), [&](cv::Point a, cv::Point b) {
    return votes.at<float>(a) > votes.at<float>(b);
  });
  CellGrid taken(votes.size());
  std::vector<Peak> kept;
  for (const cv::Point& cell : cells) {
    if (taken.has_within(2 * c.apart / stride, cell.x, cell.y)) continue;
    taken.add(cell);
    kept.push_back({cell, static_cast<float>(c.meeting_height)});
  }
  return kept;
}

/// For every label 1..count, the target logit from which a pixel is its: a sure object's blurred
/// rim is not its own, and a dim object is not lost.
/// @param rim  part of what a quarter of the object's pixels reach (rims are the smaller part of
///   all but the smallest objects).
inline std::vector<float> least_of_objects(const cv::Mat& labels, const cv::Mat& target,
                                           std::size_t count, double rim) {
  const auto each_pixel = [&](const cv::Range& rows, auto&& visit) {
    for (int y = rows.start; y < rows.end; ++y) {
      const int* label = labels.ptr<int>(y);
      const float* value = target.ptr<float>(y);
      for (int x = 0; x < labels.cols; ++x)
        if (label[x] > 0) visit(static_cast<std::size_t>(label[x] - 1), value[x]);
    }
  };
  // counted and then moved, so that each label's values lie together: of every label, how many a
  // stripe has, then where its next one goes among all
  using Places = std::vector<std::size_t>;
  classic::OfStripes<Places> places;
  classic::each_stripe(labels.rows, places, [&](Places& own, const cv::Range& rows) {
    own.assign(count, 0);
    each_pixel(rows, [&](std::size_t i, float) { ++own[i]; });
  });
  Places begin(count + 1, 0);
  for (std::size_t i = 0; i < count; ++i) {
    begin[i + 1] = begin[i];
    for (Places& own : places) begin[i + 1] += std::exchange(own[i], begin[i + 1]);
  }
  std::vector<float> values(begin.back());
  classic::each_stripe(labels.rows, places, [&](Places& own, const cv::Range& rows) {
    each_pixel(rows, [&](std::size_t i, float value) { values[own[i]++] = value; });
  });

  std::vector<float> least(count, 0.0f);
  classic::each_of(count, [&](std::size_t i) {
    const auto own = std::span(values).subspan(begin[i], begin[i + 1] - begin[i]);
    if (own.empty()) return;
    const auto reached = own.begin() + static_cast<std::ptrdiff_t>(3 * (own.size() - 1) / 4);
    std::nth_element(own.begin(), reached, own.end());
    const double part = rim / (1 + std::exp(-double{*reached}));
    least[i] = static_cast<float>(logit(std::min(part, 1 - 1e-7)));  // a logit has no value for 1
  });
  return least;
}

/// Takes from every label 1..count the pixels that are far less probable than its others.
inline void take_off_rims(cv::Mat& labels, const cv::Mat& target, std::size_t count, double rim) {
  const std::vector<float> least = least_of_objects(labels, target, count, rim);
  classic::each_row(labels.rows, [&](int y) {
    int* label = labels.ptr<int>(y);
    const float* value = target.ptr<float>(y);
    for (int x = 0; x < labels.cols; ++x)
      if (label[x] > 0 && value[x] < least[static_cast<std::size_t>(label[x] - 1)]) label[x] = 0;
  });
}

/// A connected part of a label (4 neighbours).
struct Part {
  int area = 0;
  PixelBox box;
};

/// Pixels of a row that have one label.
struct Run {
  int y, begin, end, label;
  std::size_t part;  ///< a run of the same part that came before, or itself
};

/// The runs of labels, those of a connected part linked to the part's first.
class Runs {
 public:
  explicit Runs(const cv::Mat& labels) {
    std::size_t above = 0;  // the first run of the row before
    for (int y = 0; y < labels.rows; ++y) {
      const std::size_t own = runs_.size();
      const int* label = labels.ptr<int>(y);
      for (int x = 0, end = 0; x < labels.cols; x = end) {
        for (end = x + 1; end < labels.cols && label[end] == label[x];) ++end;
        if (label[x] > 0) runs_.push_back({y, x, end, label[x], runs_.size()});
      }
      for (std::size_t i = own, j = above; i < runs_.size(); ++i) {
        while (j < own && runs_[j].end <= runs_[i].begin) ++j;
        for (std::size_t k = j; k < own && runs_[k].begin < runs_[i].end; ++k)
          if (runs_[k].label == runs_[i].label) link(i, k);
      }
      above = own;
    }
  }

  std::size_t size() const { return runs_.size(); }
  const Run& operator[](std::size_t i) const { return runs_[i]; }

  /// The first run of the part that a run is of.
  std::size_t first(std::size_t i) {
    while (runs_[i].part != i) i = runs_[i].part = runs_[runs_[i].part].part;
    return i;
  }

 private:
  void link(std::size_t a, std::size_t b) {
    a = first(a), b = first(b);
    runs_[std::max(a, b)].part = std::min(a, b);
  }
  std::vector<Run> runs_;
};

/// Keeps the largest part of every label 1..count, and nothing where that is below `smallest`
/// pixels. @return  the parts; of area 0 where none was kept.
inline std::vector<Part> keep_largest_parts(cv::Mat& labels, std::size_t count, double smallest) {
  Runs runs(labels);
  std::vector<Part> parts(runs.size());  // of each first run
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const Run& run = runs[i];
    Part& part = parts[runs.first(i)];
    if (part.area == 0) part.box = {run.begin, run.y, run.end, run.y + 1};
    part.area += run.end - run.begin;
    part.box = {std::min(part.box.x0, run.begin), part.box.y0, std::max(part.box.x1, run.end),
                run.y + 1};
  }
  std::vector<std::size_t> largest(count, runs.size());
  for (std::size_t i = 0; i < runs.size(); ++i) {
    std::size_t& best = largest[static_cast<std::size_t>(runs[i].label - 1)];
    if (parts[i].area < std::max(1.0, smallest)) continue;
    if (best == runs.size() || parts[i].area > parts[best].area) best = i;
  }
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const Run& run = runs[i];
    if (runs.first(i) == largest[static_cast<std::size_t>(run.label - 1)]) continue;
    int* const label = labels.ptr<int>(run.y);
    std::fill(label + run.begin, label + run.end, 0);
  }
  std::vector<Part> kept(count);
  for (std::size_t i = 0; i < count; ++i)
    if (largest[i] < runs.size()) kept[i] = parts[largest[i]];
  return kept;
}

/// Whether a connected label encloses anything. By its Euler number, which 2 x 2 neighbourhoods sum
/// up to (Gray 1971).
inline bool has_holes(const cv::Mat& labels, int label, const cv::Rect& box) {
  int sum = 0;  // 4 times the number of parts (8 neighbours) less that of holes (4)
  for (int y = box.y; y <= box.br().y; ++y) {
    const int* above = y > box.y ? labels.ptr<int>(y - 1) : nullptr;
    const int* below = y < box.br().y ? labels.ptr<int>(y) : nullptr;
    bool a = false, b = false;  // of the column before
    for (int x = box.x; x <= box.br().x; ++x) {
      const bool c = x < box.br().x && above != nullptr && above[x] == label;
      const bool d = x < box.br().x && below != nullptr && below[x] == label;
      const int own = a + b + c + d;
      sum += (own == 1) - (own == 3) - 2 * (own == 2 && a == d);
      a = c, b = d;
    }
  }
  return sum != 4;
}

/// The pixels of a label, and those without one that it encloses: 0 or 255, of the box's size.
inline cv::Mat filled(const cv::Mat& labels, int label, const cv::Rect& box) {
  const cv::Mat own = labels(box) == label, others = (labels(box) != 0) & ~own;
  cv::Mat whole;  // with a rim of background, so that what is enclosed lies apart from the rest
  cv::copyMakeBorder(own, whole, 1, 1, 1, 1, cv::BORDER_CONSTANT, cv::Scalar(0));
  classic::fill_small_holes(whole, std::numeric_limits<double>::infinity());
  return whole(cv::Rect(cv::Point(1, 1), box.size())) & ~others;
}

/// What a label's part encloses becomes the label's, of several what comes first.
inline void fill_holes(cv::Mat& labels, std::span<const Part> parts) {
  std::vector<std::uint8_t> has(parts.size(), 0);  // filling changes no other label's
  classic::each_of(parts.size(), [&](std::size_t i) {
    has[i] = parts[i].area > 0 &&
             has_holes(labels, static_cast<int>(i) + 1, classic::rect_of(parts[i].box));
  });
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!has[i]) continue;
    const cv::Rect box = classic::rect_of(parts[i].box);
    const int label = static_cast<int>(i) + 1;
    labels(box).setTo(label, filled(labels, label, box));
  }
}

/// The piece that a label covers.
/// @param height  of its peak.
inline classic::Piece piece_of(const classic::Cut& cut, const cv::Mat& target, int label,
                               const PixelBox& b, double height) {
  classic::Piece piece;
  piece.box = b;
  double sum = 0;
  float most = -1;
  for (int y = b.y0; y < b.y1; ++y) {
    const int* const labels = cut.labels.ptr<int>(y);
    const float *logits = target.ptr<float>(y), *interior = cut.interior.ptr<float>(y);
    for (int x = b.x0; x < b.x1; ++x) {
      if (labels[x] != label) continue;
      piece.area += 1;
      if (const float p = 1 / (1 + std::exp(-logits[x])); p > 0) sum += p;  // it may be no number
      if (interior[x] > most) most = interior[x], piece.core = {x, y};
    }
  }
  piece.score = height * sum / piece.area;
  return piece;
}

/// The pieces of the labels that are left become the cut's, numbered in turn.
inline void take_pieces(classic::Cut& cut, const cv::Mat& target, std::span<const Part> parts,
                        std::span<const Peak> peaks) {
  std::vector<std::size_t> left;
  std::vector<int> number(parts.size() + 1, 0);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].area == 0) continue;
    left.push_back(i);
    number[i + 1] = static_cast<int>(left.size());
  }
  cut.pieces.resize(left.size());
  classic::each_of(left.size(), [&](std::size_t k) {
    const std::size_t i = left[k];
    cut.pieces[k] = piece_of(cut, target, static_cast<int>(i) + 1, parts[i].box, peaks[i].height);
  });
  classic::each_row(cut.labels.rows, [&](int y) {
    int* const label = cut.labels.ptr<int>(y);
    for (int x = 0; x < cut.labels.cols; ++x) label[x] = number[static_cast<std::size_t>(label[x])];
  });
}

}  // namespace detail

/// Cuts a working image into objects: peaks of the density are the objects, and every foreground
/// pixel joins the peak that its offset leads to, so objects compete for pixels. Where sure
/// foreground is left over, objects are where its votes meet.
/// @param per_pixel  pixels of the working image in one of the image, by area.
/// @return  at working resolution. A piece's score is its peak times its mean probability.
/// @par Threads  Pure function. @par Source  this library.
inline classic::Cut cut_of(const Maps& maps, double per_pixel, const CutConstants& c = {}) {
  classic::Cut cut;
  const auto enlarged = [&](const cv::Mat& map) {
    cv::Mat up;
    cv::resize(map, up, map.size() * stride, 0, 0, cv::INTER_LINEAR);
    return up.size() == maps.work ? up : up(cv::Rect({}, maps.work)).clone();
  };
  cut.interior = enlarged(detail::sigmoid(maps.peak));
  const cv::Mat target = enlarged(maps.target);
  cv::Mat& labels = cut.labels = cv::Mat::zeros(maps.work, CV_32SC1);
  std::vector<detail::Peak> peaks = detail::peaks_of(maps, c);
  detail::vote(maps, target, peaks, 1, c.foreground, c, labels);
  const std::vector<detail::Peak> more = detail::peaks_of_the_rest(maps, labels, c);
  detail::vote(maps, target, more, static_cast<int>(peaks.size()) + 1, c.sure, c, labels);
  peaks.insert(peaks.end(), more.begin(), more.end());

  detail::take_off_rims(labels, target, peaks.size(), c.rim);
  const double smallest = std::max(c.smallest * canonical_area, c.smallest_pixels * per_pixel);
  const auto parts = detail::keep_largest_parts(labels, peaks.size(), smallest);
  detail::fill_holes(labels, parts);
  detail::take_pieces(cut, target, parts, peaks);
  return cut;
}

}  // namespace persense::mini
