// persense/mini/cut.hpp: from the small network's maps to pieces.
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>
#include <utility>
#include <vector>

#include "persense/classic/landscape.hpp"
#include "persense/geometry.hpp"

namespace persense::mini {

/// Equivalent diameter at which the network expects the support object, pixels.
inline constexpr double canonical = 24;
/// Pixels of the working image that a cell of its maps spans.
inline constexpr int stride = 2;

/// The constants of the cut. Lengths are in pixels of the working image, in which the support
/// object's diameter is `canonical`.
struct CutConstants {
  double foreground = 0.25;    ///< probability of being a target's from which a pixel is
  double peak = 0.25;          ///< least peak of the density, in peaks of one object
  double peak_blur = 1.2;      ///< smoothing before peaks are taken
  double between = 0.6;        ///< part of its own offset within which a vote meets a better peak
  double apart = 3.2;          ///< peaks are no closer
  double vote_reach = 6;       ///< votes count within this distance of a peak,
  double vote_share = 0.45;    ///< or within this part of the way that the pixel is away from it
  double smallest = 0.06;      ///< piece, in areas of the support object
  double smallest_pixels = 8;  ///< piece, pixels of the image
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

  // kept peaks, by the square of the grid that they lie in
  const double unit = canonical / 2 / stride;  // of offsets, in cells
  const int square = 16;
  const int across = (density.cols + square - 1) / square,
            down = (density.rows + square - 1) / square;
  std::vector<std::vector<cv::Point>> squares(static_cast<std::size_t>(across) * down);
  const auto nearest = [&](double x, double y) {  // squared distance; none within a square: huge
    double best = 1e18;
    const int sx = static_cast<int>(std::floor(x / square)),
              sy = static_cast<int>(std::floor(y / square));
    for (int j = std::max(0, sy - 1); j <= std::min(down - 1, sy + 1); ++j)
      for (int i = std::max(0, sx - 1); i <= std::min(across - 1, sx + 1); ++i)
        for (const cv::Point& p : squares[static_cast<std::size_t>(j) * across + i])
          best = std::min(best, (p.x - x) * (p.x - x) + (p.y - y) * (p.y - y));
    return std::sqrt(best);
  };
  std::vector<Peak> kept;
  for (const Peak& peak : found) {
    const double dx = unit * maps.offset_x.at<float>(peak.cell),
                 dy = unit * maps.offset_y.at<float>(peak.cell), away = std::hypot(dx, dy);
    if (nearest(peak.cell.x, peak.cell.y) < c.apart / stride) continue;
    if (away > 1 && nearest(peak.cell.x + dx, peak.cell.y + dy) < c.between * away) continue;
    squares[static_cast<std::size_t>(peak.cell.y / square) * across + peak.cell.x / square]
        .push_back(peak.cell);
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

/// Every foreground pixel joins the peak that its offset leads to: index + 1, 0 where to none.
inline cv::Mat voted(const Maps& maps, const cv::Mat& target, const std::vector<Peak>& peaks,
                     const CutConstants& c) {
  const cv::Mat nearest = nearest_peak(peaks, maps.peak.size());
  cv::Mat labels = cv::Mat::zeros(maps.work, CV_32SC1);
  const float threshold = static_cast<float>(logit(c.foreground));
  const float unit = static_cast<float>(canonical / 2);
  const auto row = [&](int y) {
    const float* t = target.ptr<float>(y);
    const int v = y / stride;
    const float *ox = maps.offset_x.ptr<float>(v), *oy = maps.offset_y.ptr<float>(v);
    int* label = labels.ptr<int>(y);
    for (int x = 0; x < labels.cols; ++x) {
      if (!(t[x] > threshold)) continue;
      const int u = x / stride;
      const float vx = static_cast<float>(x) + unit * ox[u],
                  vy = static_cast<float>(y) + unit * oy[u];
      const int i =
          std::clamp(static_cast<int>(std::lround((vx - 0.5f) / stride)), 0, nearest.cols - 1);
      const int j =
          std::clamp(static_cast<int>(std::lround((vy - 0.5f) / stride)), 0, nearest.rows - 1);
      const int to = nearest.at<int>(j, i);
      const cv::Point cell = peaks[static_cast<std::size_t>(to - 1)].cell;
      const float px = static_cast<float>(stride * cell.x) + 0.5f,
                  py = static_cast<float>(stride * cell.y) + 0.5f;
      const float way = std::hypot(static_cast<float>(x) - px, static_cast<float>(y) - py);
      const float missed = std::hypot(vx - px, vy - py);
      if (missed < std::max(c.vote_reach, c.vote_share * static_cast<double>(way))) label[x] = to;
    }
  };
  cv::parallel_for_(cv::Range(0, labels.rows), [&](const cv::Range& rows) {
    for (int y = rows.start; y < rows.end; ++y) row(y);
  });
  return labels;
}

/// Keeps the largest connected part of every label (4 neighbours).
inline void keep_largest_parts(cv::Mat& labels, std::size_t count) {
  struct Part {
    int area = 0;
    int number = 0;
  };
  cv::Mat part = cv::Mat::zeros(labels.size(), CV_32SC1);
  std::vector<Part> largest(count + 1);
  std::vector<cv::Point> stack;
  int number = 0;
  for (int y = 0; y < labels.rows; ++y)
    for (int x = 0; x < labels.cols; ++x) {
      const int label = labels.at<int>(y, x);
      if (label == 0 || part.at<int>(y, x) != 0) continue;
      int area = 0;
      part.at<int>(y, x) = ++number;
      stack.push_back({x, y});
      while (!stack.empty()) {
        const cv::Point p = stack.back();
        stack.pop_back();
        ++area;
        for (const cv::Point d :
             {cv::Point(1, 0), cv::Point(-1, 0), cv::Point(0, 1), cv::Point(0, -1)}) {
          const cv::Point q = p + d;
          if (q.x < 0 || q.y < 0 || q.x >= labels.cols || q.y >= labels.rows) continue;
          if (labels.at<int>(q) != label || part.at<int>(q) != 0) continue;
          part.at<int>(q) = number;
          stack.push_back(q);
        }
      }
      Part& best = largest[static_cast<std::size_t>(label)];
      if (area > best.area) best = {area, number};
    }
  for (int y = 0; y < labels.rows; ++y)
    for (int x = 0; x < labels.cols; ++x) {
      int& label = labels.at<int>(y, x);
      if (label != 0 && largest[static_cast<std::size_t>(label)].number != part.at<int>(y, x))
        label = 0;
    }
}

/// Tight boxes of the labels 1..count; empty where one does not occur.
inline std::vector<PixelBox> boxes_of(const cv::Mat& labels, std::size_t count) {
  std::vector<PixelBox> boxes(count, PixelBox{labels.cols, labels.rows, 0, 0});
  for (int y = 0; y < labels.rows; ++y)
    for (int x = 0; x < labels.cols; ++x) {
      const int label = labels.at<int>(y, x);
      if (label == 0) continue;
      PixelBox& b = boxes[static_cast<std::size_t>(label - 1)];
      b = {std::min(b.x0, x), std::min(b.y0, y), std::max(b.x1, x + 1), std::max(b.y1, y + 1)};
    }
  return boxes;
}

/// Gives a label the unlabelled pixels that it encloses.
inline void fill_holes(cv::Mat& labels, int label, const PixelBox& box) {
  // what the label keeps apart from the outside, seen from a frame one pixel wider
  cv::Mat free(box.height() + 2, box.width() + 2, CV_8UC1, cv::Scalar(1));
  const cv::Rect inside(box.x0, box.y0, box.width(), box.height());
  cv::Mat(labels(inside) != label).copyTo(free(cv::Rect(1, 1, box.width(), box.height())));
  free.setTo(1, free);
  cv::floodFill(free, cv::Point(0, 0), cv::Scalar(0));
  const cv::Mat hole = free(cv::Rect(1, 1, box.width(), box.height())) & (labels(inside) == 0);
  labels(inside).setTo(label, hole);
}

}  // namespace detail

/// Cuts a working image into objects: peaks of the density are the objects, and every foreground
/// pixel joins the peak that its offset leads to, so objects compete for pixels.
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
  const std::vector<detail::Peak> peaks = detail::peaks_of(maps, c);
  if (peaks.empty()) {
    cut.labels = cv::Mat::zeros(maps.work, CV_32SC1);
    return cut;
  }
  const cv::Mat target = enlarged(maps.target);
  cv::Mat labels = detail::voted(maps, target, peaks, c);
  detail::keep_largest_parts(labels, peaks.size());
  const auto boxes = detail::boxes_of(labels, peaks.size());

  const double smallest = std::max(c.smallest * std::numbers::pi / 4 * canonical * canonical,
                                   c.smallest_pixels * per_pixel);
  const cv::Mat probability = detail::sigmoid(target);
  cut.labels = cv::Mat::zeros(maps.work, CV_32SC1);
  for (std::size_t i = 0; i < peaks.size(); ++i) {
    const PixelBox& b = boxes[i];
    if (b.x1 <= b.x0) continue;
    detail::fill_holes(labels, static_cast<int>(i) + 1, b);
    const cv::Rect box(b.x0, b.y0, b.width(), b.height());
    const cv::Mat own = labels(box) == static_cast<int>(i) + 1;
    const double area = cv::countNonZero(own);
    if (area < smallest) continue;
    Piece piece;
    piece.box = b;
    piece.area = area;
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
