// persense/detail/peaks.hpp: the peaks of a density map, as the hybrid IDM takes them.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <numeric>
#include <opencv2/imgproc.hpp>
#include <utility>
#include <vector>

#include "persense/detail/contours.hpp"
#include "persense/detail/map_at_image_size.hpp"
#include "persense/geometry.hpp"
#include "persense/maps.hpp"

namespace persense::detail {

/// Whether two pixels are nearer than `distance` in x and in y.
inline bool are_near(Point a, Point b, int distance) {
  return std::abs(a.x - b.x) < distance && std::abs(a.y - b.y) < distance;
}

/// Greedy: each point that is not near one that was taken before.
inline std::vector<Point> spaced(const std::vector<Point>& points, int distance) {
  if (distance < 2) return points;
  // cells as wide as the distance hold one point each, and what is near lies in the same or the
  // next
  std::map<Point, Point> by_cell;
  std::vector<Point> kept;
  for (const Point p : points) {
    const Point cell{p.x / distance, p.y / distance};
    bool is_free = true;
    for (int y = cell.y - 1; y <= cell.y + 1 && is_free; ++y)
      for (int x = cell.x - 1; x <= cell.x + 1 && is_free; ++x) {
        const auto taken = by_cell.find({x, y});
        is_free = taken == by_cell.end() || !are_near(p, taken->second, distance);
      }
    if (!is_free) continue;
    by_cell[cell] = p;
    kept.push_back(p);
  }
  return kept;
}

/// The released code's peaks of an 8-bit map: pixels that no other in 11 x 11 exceeds, above mean
/// + 2 population standard deviations, 5 pixels or more from every border; of two nearer than 5
/// (Chebyshev) the brighter, on ties the first in raster order. None in a flat map.
inline std::vector<Point> reference_peaks(const cv::Mat& gray) {
  constexpr int distance = 5;
  cv::Mat highest;
  cv::dilate(gray, highest, cv::Mat::ones(2 * distance + 1, 2 * distance + 1, CV_8UC1), {-1, -1}, 1,
             cv::BORDER_CONSTANT, 0);
  if (cv::countNonZero(gray != highest) == 0) return {};
  cv::Scalar mean, deviation;
  cv::meanStdDev(gray, mean, deviation);
  const double limit = mean[0] + 2 * deviation[0];
  std::vector<std::pair<int, Point>> peaks;
  for (int y = distance; y < gray.rows - distance; ++y)
    for (int x = distance; x < gray.cols - distance; ++x) {
      const int level = gray.at<std::uint8_t>(y, x);
      if (level == highest.at<std::uint8_t>(y, x) && level > limit)
        peaks.push_back({level, {x, y}});
    }
  std::stable_sort(peaks.begin(), peaks.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<Point> points;
  for (const auto& [level, point] : peaks) points.push_back(point);
  return spaced(points, distance);
}

/// A maximum of a map that a valley parts from every higher one.
struct Peak {
  double x = 0, y = 0;  ///< mean position of what is above the valley, pixels of the map
};

/// Finds them: pixels are added from the highest down, and where two components meet, the lower
/// maximum is a peak if it stands out from the valley by enough of its height.
class PeakFinder {
 public:
  /// @param map         only read here. @param floor  only what is above it is looked at.
  /// @param prominence  least part of a peak's height that it rises above the valley.
  PeakFinder(const FloatMapView& map, float floor, float prominence)
      : size_(size_of(map)), prominence_(prominence) {
    for (Eigen::Index y = 0; y < map.rows(); ++y)
      for (Eigen::Index x = 0; x < map.cols(); ++x)
        if (map(y, x) > floor) order_.push_back({map(y, x), static_cast<int>(y * map.cols() + x)});
    std::stable_sort(order_.begin(), order_.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    owner_.assign(static_cast<std::size_t>(map.size()), none);
  }

  /// Highest first.
  std::vector<Peak> operator()() {
    for (const auto& [value, at] : order_) add(value, at);
    std::vector<Peak> peaks;  // maxima stand in the order in which they were met
    for (std::size_t i = 0; i < maxima_.size(); ++i) {
      const Maximum& m = maxima_[i];
      if (m.is_peak || m.higher == static_cast<int>(i))
        peaks.push_back({m.sum_x / m.pixels, m.sum_y / m.pixels});
    }
    return peaks;
  }

 private:
  static constexpr int none = -1;
  struct Maximum {
    float height;
    int higher;  ///< the maximum that this one's component joined; its own index before that
    double sum_x = 0, sum_y = 0, pixels = 0;
    bool is_peak = false;   ///< parted by a valley from the one that it joined
    bool complete = false;  ///< has met a peak: what follows is not its own alone
  };

  int root(int i) {
    while (maxima_[i].higher != i) i = maxima_[i].higher = maxima_[maxima_[i].higher].higher;
    return i;
  }

  void add(float value, int at) {
    const int columns = size_.width, rows = size_.height;
    const int x = at % columns, y = at / columns;
    int best = none;
    std::array<int, 8> met{};
    std::size_t others = 0;
    for (int v = std::max(y - 1, 0); v <= std::min(y + 1, rows - 1); ++v)
      for (int u = std::max(x - 1, 0); u <= std::min(x + 1, columns - 1); ++u) {
        const int owner = owner_[static_cast<std::size_t>(v * columns + u)];
        if (owner == none) continue;
        int r = root(owner);
        if (best == none || r == best) {
          best = r;
          continue;
        }
        if (r < best) std::swap(r, best);  // found earlier: at least as high
        met[others++] = r;
      }
    if (best == none) {
      best = static_cast<int>(maxima_.size());
      maxima_.push_back({value, best});
    }
    for (std::size_t i = 0; i < others; ++i)
      if (met[i] != best && maxima_[met[i]].higher == met[i]) join(met[i], best, value);
    owner_[static_cast<std::size_t>(at)] = best;
    Maximum& m = maxima_[best];
    if (m.complete) return;
    m.sum_x += x;
    m.sum_y += y;
    m.pixels += 1;
  }

  void join(int lower, int higher, float valley) {
    Maximum& a = maxima_[lower];
    Maximum& b = maxima_[higher];
    a.higher = higher;
    a.is_peak = a.height - valley >= prominence_ * a.height;
    if (a.is_peak || a.complete) {
      a.complete = b.complete = true;
    } else if (!b.complete) {
      b.sum_x += a.sum_x;
      b.sum_y += a.sum_y;
      b.pixels += a.pixels;
    }
  }

  Size size_;
  float prominence_;
  std::vector<std::pair<float, int>> order_;  // values, and where they stand
  std::vector<int> owner_;                    // the maximum that each pixel belongs to
  std::vector<Maximum> maxima_;
};

/// The peaks of a map, in pixels of the frame that it is stretched over, the highest first.
/// @param level  of the 0..255 map. What is lower counts as far as it stands out from the whole map
///   (mean + 2 standard deviations, as in the released code).
inline std::vector<Point> peak_points(const FloatMapView& map, const MapSummary& summary,
                                      Size frame, int level) {
  constexpr float prominence = 0.1f;
  const float lowest = *std::min_element(summary.row_min.begin(), summary.row_min.end());
  const float highest = *std::max_element(summary.row_max.begin(), summary.row_max.end());
  if (!(highest > lowest)) return {};
  const double mean = summary.sum / static_cast<double>(map.size());
  double squares = 0;
  for (Eigen::Index y = 0; y < map.rows(); ++y)
    squares += (map.row(y).cast<double>() - mean).square().sum();
  const double outstanding = mean + 2 * std::sqrt(squares / static_cast<double>(map.size()));
  const double floor = std::min(outstanding, lowest + (highest - lowest) * level / 255.0);
  const auto at = [](double v, Eigen::Index from, int to) {
    return std::clamp(static_cast<int>((v + 0.5) * to / static_cast<double>(from)), 0, to - 1);
  };
  std::vector<Point> points;
  for (const Peak& peak : PeakFinder(map, static_cast<float>(floor), prominence)())
    points.push_back({at(peak.x, map.cols(), frame.width), at(peak.y, map.rows(), frame.height)});
  return points;
}

/// Points, to be asked which of them lie in a contour.
class PointsByRow {
 public:
  /// @param points  borrowed.
  explicit PointsByRow(const std::vector<Point>& points) : points_(points), order_(points.size()) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::stable_sort(order_.begin(), order_.end(),
                     [&](std::size_t a, std::size_t b) { return points[a].y < points[b].y; });
  }

  /// Indices, ascending.
  std::vector<std::size_t> inside(const OuterContour& contour) const {
    auto at = std::lower_bound(order_.begin(), order_.end(), contour.box.y0,
                               [&](std::size_t i, int y) { return points_[i].y < y; });
    std::vector<std::size_t> found;
    std::vector<cv::Point> polygon;
    for (; at != order_.end() && points_[*at].y < contour.box.y1; ++at) {
      const Point p = points_[*at];
      if (!contour.box.contains(p)) continue;
      if (polygon.empty())
        for (const Point q : contour.points) polygon.emplace_back(q.x, q.y);
      const cv::Point2f exact(static_cast<float>(p.x), static_cast<float>(p.y));
      if (cv::pointPolygonTest(polygon, exact, false) >= 0) found.push_back(*at);
    }
    std::sort(found.begin(), found.end());
    return found;
  }

 private:
  const std::vector<Point>& points_;
  std::vector<std::size_t> order_;
};

}  // namespace persense::detail
