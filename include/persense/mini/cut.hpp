// persense/mini/cut.hpp: from the small network's maps to pieces.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <opencv2/imgproc.hpp>
#include <utility>
#include <vector>

#include "persense/classic/filters.hpp"
#include "persense/classic/landscape.hpp"
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
  const auto unit = static_cast<float>(canonical / 2);
  constexpr float middle = 0.5f * (stride - 1);  // of a cell, from its first pixel
  const auto cell_at = [](float pixel, int cells) {
    return std::clamp(static_cast<int>(std::lround((pixel - middle) / stride)), 0, cells - 1);
  };
  const auto peak_of = [&](int x, int y) {
    const cv::Point own(x / stride, y / stride);
    const cv::Point2f at(static_cast<float>(x), static_cast<float>(y));
    const cv::Point2f to =
        at + unit * cv::Point2f(maps.offset_x.at<float>(own), maps.offset_y.at<float>(own));
    const int number = nearest.at<int>(cell_at(to.y, nearest.rows), cell_at(to.x, nearest.cols));
    const cv::Point2f cell = peaks[static_cast<std::size_t>(number - 1)].cell;
    const cv::Point2f peak = stride * cell + cv::Point2f(middle, middle);
    const double missed = cv::norm(to - peak), way = cv::norm(at - peak);
    return missed < std::max(c.vote_reach, c.vote_share * way) ? first + number - 1 : 0;
  };
  const auto threshold = static_cast<float>(logit(foreground));
  cv::parallel_for_(cv::Range(0, labels.rows), [&](const cv::Range& rows) {
    for (int y = rows.start; y < rows.end; ++y)
      for (int x = 0; x < labels.cols; ++x)
        if (int& label = labels.at<int>(y, x); label == 0 && target.at<float>(y, x) > threshold)
          label = peak_of(x, y);
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

/// Takes from every label 1..count the pixels that are far less probable than its others: a sure
/// object's blurred rim is not its own, and a dim object is not lost.
inline void take_off_rims(cv::Mat& labels, const cv::Mat& probability, std::size_t count,
                          double rim) {
  std::vector<std::vector<float>> values(count);
  const auto each_pixel = [&](auto&& visit) {
    for (int y = 0; y < labels.rows; ++y)
      for (int x = 0; x < labels.cols; ++x)
        if (int& label = labels.at<int>(y, x); label > 0)
          visit(label, static_cast<std::size_t>(label - 1), probability.at<float>(y, x));
  };
  each_pixel([&](const int&, std::size_t i, float p) { values[i].push_back(p); });
  std::vector<float> least(count, 0.0f);
  for (std::size_t i = 0; i < count; ++i) {
    if (values[i].empty()) continue;
    // what a quarter of them reach: rims are the smaller part of all but the smallest objects
    const auto reached =
        values[i].begin() + static_cast<std::ptrdiff_t>(3 * (values[i].size() - 1) / 4);
    std::nth_element(values[i].begin(), reached, values[i].end());
    least[i] = static_cast<float>(rim) * *reached;
  }
  each_pixel([&](int& label, std::size_t i, float p) {
    if (p < least[i]) label = 0;
  });
}

/// A label's largest connected part (4 neighbours).
struct Part {
  int area = 0;
  int number = 0;  ///< among all parts
  PixelBox box;
};

/// Numbers the part that (x, y) lies in, which no number was given to so far.
inline Part flood(const cv::Mat& labels, cv::Mat& numbers, cv::Point start, int number,
                  std::vector<cv::Point>& stack) {
  const int label = labels.at<int>(start);
  const cv::Rect inside({}, labels.size());
  Part part{0, number, {start.x, start.y, start.x + 1, start.y + 1}};
  PixelBox& b = part.box;
  numbers.at<int>(start) = number;
  stack.assign(1, start);
  while (!stack.empty()) {
    const cv::Point p = stack.back();
    stack.pop_back();
    ++part.area;
    b = {std::min(b.x0, p.x), std::min(b.y0, p.y), std::max(b.x1, p.x + 1),
         std::max(b.y1, p.y + 1)};
    for (const cv::Point step :
         {cv::Point(1, 0), cv::Point(-1, 0), cv::Point(0, 1), cv::Point(0, -1)}) {
      const cv::Point q = p + step;
      if (!inside.contains(q) || labels.at<int>(q) != label || numbers.at<int>(q) != 0) continue;
      numbers.at<int>(q) = number;
      stack.push_back(q);
    }
  }
  return part;
}

/// Keeps the largest part of every label 1..count, and nothing where that is below `smallest`
/// pixels. @return  the parts; of area 0 where none was kept.
inline std::vector<Part> keep_largest_parts(cv::Mat& labels, std::size_t count, double smallest) {
  cv::Mat numbers = cv::Mat::zeros(labels.size(), CV_32SC1);
  std::vector<Part> largest(count);
  std::vector<cv::Point> stack;
  int number = 0;
  for (int y = 0; y < labels.rows; ++y)
    for (int x = 0; x < labels.cols; ++x) {
      const int label = labels.at<int>(y, x);
      if (label == 0 || numbers.at<int>(y, x) != 0) continue;
      const Part part = flood(labels, numbers, {x, y}, ++number, stack);
      Part& best = largest[static_cast<std::size_t>(label - 1)];
      if (part.area > best.area) best = part;
    }
  for (Part& part : largest)
    if (part.area < smallest) part = {};
  for (int y = 0; y < labels.rows; ++y)
    for (int x = 0; x < labels.cols; ++x) {
      int& label = labels.at<int>(y, x);
      if (label != 0 &&
          largest[static_cast<std::size_t>(label - 1)].number != numbers.at<int>(y, x))
        label = 0;
    }
  return largest;
}

/// The pixels of a label, and those without one that it encloses: 0 or 255, of the box's size.
inline cv::Mat filled(const cv::Mat& labels, int label, const cv::Rect& box) {
  const cv::Mat own = labels(box) == label, others = (labels(box) != 0) & ~own;
  cv::Mat whole;  // with a rim of background, so that what is enclosed lies apart from the rest
  cv::copyMakeBorder(own, whole, 1, 1, 1, 1, cv::BORDER_CONSTANT, cv::Scalar(0));
  classic::fill_small_holes(whole, std::numeric_limits<double>::infinity());
  return whole(cv::Rect(cv::Point(1, 1), box.size())) & ~others;
}

}  // namespace detail

/// Cuts a working image into objects: peaks of the density are the objects, and every foreground
/// pixel joins the peak that its offset leads to, so objects compete for pixels. Where sure
/// foreground is left over, objects are where its votes meet.
/// @param per_pixel  pixels of the working image in one of the image, by area.
/// @return  at working resolution. A piece's score is its peak times its mean probability.
/// @par Threads  Pure function. @par Source  this library.
inline classic::Cut cut_of(const Maps& maps, double per_pixel, const CutConstants& c = {}) {
  using classic::Piece;
  classic::Cut cut;
  const auto enlarged = [&](const cv::Mat& map) {
    cv::Mat up;
    cv::resize(map, up, map.size() * stride, 0, 0, cv::INTER_LINEAR);
    return up(cv::Rect({}, maps.work)).clone();
  };
  cut.interior = detail::sigmoid(enlarged(maps.peak));
  const cv::Mat target = enlarged(maps.target);
  cv::Mat labels = cv::Mat::zeros(maps.work, CV_32SC1);
  std::vector<detail::Peak> peaks = detail::peaks_of(maps, c);
  detail::vote(maps, target, peaks, 1, c.foreground, c, labels);
  const std::vector<detail::Peak> more = detail::peaks_of_the_rest(maps, labels, c);
  detail::vote(maps, target, more, static_cast<int>(peaks.size()) + 1, c.sure, c, labels);
  peaks.insert(peaks.end(), more.begin(), more.end());

  const double smallest = std::max(c.smallest * canonical_area, c.smallest_pixels * per_pixel);
  const cv::Mat probability = detail::sigmoid(target);
  detail::take_off_rims(labels, probability, peaks.size(), c.rim);
  const auto parts = detail::keep_largest_parts(labels, peaks.size(), smallest);

  cut.labels = cv::Mat::zeros(maps.work, CV_32SC1);
  for (std::size_t i = 0; i < peaks.size(); ++i) {
    if (parts[i].area == 0) continue;
    const PixelBox& b = parts[i].box;
    const cv::Rect box(b.x0, b.y0, b.width(), b.height());
    const int label = static_cast<int>(i) + 1;
    const cv::Mat own = detail::filled(labels, label, box);
    labels(box).setTo(label, own);  // nobody else fills it now
    Piece piece;
    piece.box = b;
    piece.area = cv::countNonZero(own);
    piece.score = peaks[i].height * cv::mean(probability(box), own)[0];
    cv::Point core;
    cv::minMaxLoc(cut.interior(box), nullptr, nullptr, nullptr, &core, own);
    piece.core = {core.x + b.x0, core.y + b.y0};
    cut.pieces.push_back(piece);
    cut.labels(box).setTo(static_cast<int>(cut.pieces.size()), own);
  }
  return cut;
}

}  // namespace persense::mini
