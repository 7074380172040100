// persense/idm.hpp: the Instance Detection Module, from a density map to candidate points.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
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

/// The density map seen at image size, evaluated only where somebody looks. The arithmetic of a
/// value is OpenCV's float32 bilinear resize: rows first, then columns, product by product.
class MapAtImageSize {
 public:
  MapAtImageSize(const FloatMapView& map, Size size)
      : map_(map),
        size_(size),
        across_(taps(static_cast<int>(map.cols()), size.width)),
        down_(taps(static_cast<int>(map.rows()), size.height)),
        // the output columns that read input column c: first_reader_[c] <= x < first_reader_[c + 2]
        first_reader_(static_cast<std::size_t>(map.cols()) + 2),
        row_a_(static_cast<std::size_t>(size.width)),
        row_b_(row_a_.size()),
        values_(row_a_.size()) {
    for (int c = 0; c <= map.cols() + 1; ++c)
      first_reader_[static_cast<std::size_t>(c)] =
          static_cast<int>(std::lower_bound(across_.first.begin(), across_.first.end(), c - 1) -
                           across_.first.begin());
  }

  Size size() const { return size_; }

  /// Calls visit(y, span, values) for runs of columns that hold every pixel with an input neighbour
  /// for which active(value) holds; values[x] are the map's values there. Then row_done(y), for
  /// every row.
  template <class Active, class Visit, class RowDone>
  void visit(Active&& active, Visit&& visit, RowDone&& row_done) {
    int upper = -1, lower = -1;
    for (int y = 0; y < size_.height; ++y) {
      if (down_.first[y] != upper || down_.second[y] != lower) {
        upper = down_.first[y];
        lower = down_.second[y];
        find_spans(upper, lower, active);
        for (const auto span : spans_) interpolate_across(span, upper, lower);
      }
      const float b = down_.weight[y], a = 1.0f - b;
      for (const auto span : spans_) {
        for (int x = span.begin; x < span.end; ++x) values_[x] = row_a_[x] * a + row_b_[x] * b;
        visit(y, span, values_.data());
      }
      row_done(y);
    }
  }

  /// The smallest and the largest value at image size. Bilinear values lie between their
  /// neighbours, so only the surroundings of input values beyond the best found so far can improve
  /// it.
  std::pair<float, float> range() {
    Eigen::Index y, x;
    map_.minCoeff(&y, &x);
    float lowest = value_near(static_cast<int>(x), static_cast<int>(y));
    map_.maxCoeff(&y, &x);
    float highest = value_near(static_cast<int>(x), static_cast<int>(y));
    const auto nothing = [](int) {};
    visit([&lowest](float v) { return v < lowest; },
          [&](int, ColumnSpan s, const float* v) {
            lowest = std::min(lowest, *std::min_element(v + s.begin, v + s.end));
          },
          nothing);
    visit([&highest](float v) { return v > highest; },
          [&](int, ColumnSpan s, const float* v) {
            highest = std::max(highest, *std::max_element(v + s.begin, v + s.end));
          },
          nothing);
    return {lowest, highest};
  }

 private:
  const float* input_row(int y) const { return map_.data() + y * map_.outerStride(); }

  static LinearTaps taps(int from, int to) {
    LinearTaps t{std::vector<int>(to), std::vector<int>(to), std::vector<float>(to)};
    const double scale = static_cast<double>(from) / to;
    for (int i = 0; i < to; ++i) {
      float position = static_cast<float>((i + 0.5) * scale - 0.5);
      int below = static_cast<int>(std::floor(position));
      position -= static_cast<float>(below);
      if (below < 0) below = 0, position = 0;
      if (below >= from - 1) below = from - 1, position = 0;
      t.first[i] = below;
      t.second[i] = std::min(below + 1, from - 1);
      t.weight[i] = position;
    }
    return t;
  }

  template <class Active>
  void find_spans(int upper, int lower, Active& active) {
    spans_.clear();
    const float* a = input_row(upper);
    const float* b = input_row(lower);
    for (int c = 0; c < map_.cols(); ++c) {
      if (!active(a[c]) && !active(b[c])) continue;
      const int begin = first_reader_[c], end = first_reader_[c + 2];
      if (!spans_.empty() && begin <= spans_.back().end)
        spans_.back().end = end;
      else if (begin < end)
        spans_.push_back({begin, end});
    }
  }

  void interpolate_across(ColumnSpan span, int upper, int lower) {
    const float* a = input_row(upper);
    const float* b = input_row(lower);
    for (int x = span.begin; x < span.end; ++x) {
      const int i = across_.first[x], j = across_.second[x];
      const float w = across_.weight[x], v = 1.0f - w;
      row_a_[x] = a[i] * v + a[j] * w;
      row_b_[x] = b[i] * v + b[j] * w;
    }
  }

  float value_near(int column, int row) const {
    const auto nearest = [](int i, int from, int to) {
      return std::clamp(static_cast<int>((i + 0.5) * to / from), 0, to - 1);
    };
    const int x = nearest(column, static_cast<int>(map_.cols()), size_.width);
    const int y = nearest(row, static_cast<int>(map_.rows()), size_.height);
    const float w = across_.weight[x], v = 1.0f - w, b = down_.weight[y], a = 1.0f - b;
    const auto across = [&](int r) {
      return input_row(r)[across_.first[x]] * v + input_row(r)[across_.second[x]] * w;
    };
    return across(down_.first[y]) * a + across(down_.second[y]) * b;
  }

  FloatMapView map_;
  Size size_;
  LinearTaps across_, down_;
  std::vector<int> first_reader_;
  std::vector<ColumnSpan> spans_;
  std::vector<float> row_a_, row_b_, values_;
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

/// Writes the 3 x 3 erosion of the rows fed to it, one row late. Pixels outside the image do not
/// erode (eq. 4 with the border the reference gets from OpenCV).
class RowEroder {
 public:
  explicit RowEroder(SparseBinaryImage& out)
      : out_(out), width_(out.size().width), height_(out.size().height) {
    for (auto& line : lines_) line.bytes.assign(static_cast<std::size_t>(width_) + 2, 0);
    both_.resize(static_cast<std::size_t>(width_) + 2);
    start_line(lines_[0]);
  }

  /// One run of the current row: `inside(x)` says which of its pixels are set.
  template <class Inside>
  void add(ColumnSpan span, Inside&& inside) {
    Line& line = lines_[fed_ % 3];
    std::uint8_t* bytes = line.bytes.data() + 1;
    for (int x = span.begin; x < span.end; ++x) bytes[x] = inside(x);
    line.spans.push_back(span);
  }

  void finish_row() {
    ++fed_;
    if (fed_ >= 2) erode(fed_ - 2);
    if (fed_ == height_)
      erode(fed_ - 1);
    else
      start_line(lines_[fed_ % 3]);
  }

 private:
  struct Line {
    std::vector<std::uint8_t> bytes;  // with one pixel left and right that is outside the image
    std::vector<ColumnSpan> spans;
  };

  void start_line(Line& line) {
    for (const auto [begin, end] : line.spans)
      std::fill(line.bytes.begin() + begin + 1, line.bytes.begin() + end + 1, std::uint8_t{0});
    line.spans.clear();
    line.bytes.front() = line.bytes.back() = 1;
  }

  void erode(int y) {
    const std::uint8_t* middle = lines_[y % 3].bytes.data();
    const std::uint8_t* above = y > 0 ? lines_[(y + 2) % 3].bytes.data() : middle;
    const std::uint8_t* below = y + 1 < height_ ? lines_[(y + 1) % 3].bytes.data() : middle;
    std::int8_t* out = out_.row(y);
    for (const auto [begin, end] : lines_[y % 3].spans) {
      for (int x = begin; x < end + 2; ++x) both_[x] = above[x] & middle[x] & below[x];
      for (int x = begin; x < end; ++x)
        out[x] = static_cast<std::int8_t>(both_[x] & both_[x + 1] & both_[x + 2]);
      out_.add_span({begin, end});
    }
    out_.finish_row(y);
  }

  SparseBinaryImage& out_;
  int width_, height_;
  int fed_ = 0;
  Line lines_[3];
  std::vector<std::uint8_t> both_;
};

/// Steps 1 to 3 of algorithm 2: the eroded binary map at image size.
inline SparseBinaryImage eroded_binary_map(const FloatMapView& density, Size size, int level) {
  SparseBinaryImage binary(size);
  MapAtImageSize map(density, size);
  const auto [lowest, highest] = map.range();
  if (!(highest > lowest)) {
    for (int y = 0; y < size.height; ++y) binary.finish_row(y);
    return binary;
  }
  const float cutoff = cutoff_for(level, lowest, highest);
  // rounding may lift a pixel above all four neighbours by some units in the last place
  const float slack = 1e-6f * std::max(std::abs(lowest), std::abs(highest));
  RowEroder eroder(binary);
  map.visit([limit = cutoff - slack](float v) { return v >= limit; },
            [&](int, ColumnSpan span, const float* values) {
              eroder.add(span, [&](int x) { return values[x] >= cutoff; });
            },
            [&](int) { eroder.finish_row(); });
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

/// Step 19 and 20 of algorithm 2: the parts of a composite contour whose distance to its edge is
/// above half the largest. Works on the contour's box alone; a margin of one pixel of background is
/// all the distance transform can see of the rest.
inline std::vector<OuterContour> child_contours(const OuterContour& parent, Size image) {
  const PixelBox box{std::max(parent.box.x0 - 1, 0), std::max(parent.box.y0 - 1, 0),
                     std::min(parent.box.x1 + 1, image.width),
                     std::min(parent.box.y1 + 1, image.height)};
  std::vector<std::vector<cv::Point>> polygon(1);
  for (const Point p : parent.points) polygon[0].emplace_back(p.x - box.x0, p.y - box.y0);
  cv::Mat filled = cv::Mat::zeros(box.height(), box.width(), CV_8UC1), distance;
  cv::drawContours(filled, polygon, 0, 255, cv::FILLED);
  cv::distanceTransform(filled, distance, cv::DIST_L2, 3);
  double furthest = 0;
  cv::minMaxLoc(distance, nullptr, &furthest);
  const float limit = static_cast<float>(0.5 * furthest);

  SparseBinaryImage cores({box.width(), box.height()});
  for (int y = 0; y < box.height(); ++y) {
    const float* d = distance.ptr<float>(y);
    std::int8_t* row = cores.row(y);
    for (int x = 0; x < box.width(); ++x) row[x] = d[x] > limit;
    cores.add_span({0, box.width()});
    cores.finish_row(y);
  }
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

inline bool all_finite(const FloatMapView& map) {
  // a sum of x * 0 is 0 unless one x is NaN or infinite; rows vectorise
  for (Eigen::Index y = 0; y < map.rows(); ++y)
    if (!((map.row(y) * 0.0f).sum() == 0.0f)) return false;
  return true;
}

}  // namespace detail

/// Candidate points: one for each blob of the density map, and one for each core of a composite
/// blob.
///
/// @param density  (h, w) float32, objects per pixel, of any size. Borrowed for the call.
/// @param image    the size the map is stretched to (bilinear); points are pixels of this frame.
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
  IdmResult result;
  result.count = density.cast<double>().sum();
  if (!detail::all_finite(density)) {
    if (options.rules == Rules::paper) require_finite(density, "density map");
    return result;
  }
  const bool strict = options.rules == Rules::reference;
  auto binary = detail::eroded_binary_map(density, image, options.threshold + (strict ? 1 : 0));
  auto contours = outer_contours(binary);
  std::reverse(contours.begin(), contours.end());

  const double limit = detail::composite_area(contours);
  std::set<Point> seen;
  const auto add = [&](const OuterContour& contour) {
    const Point p = detail::center_of(contour, options.rules);
    if (options.rules == Rules::reference || seen.insert(p).second) result.points.push_back(p);
  };
  for (const auto& contour : contours) {
    if (!(contour.area() > limit)) continue;
    auto children = detail::child_contours(contour, image);
    std::for_each(children.rbegin(), children.rend(), add);
  }
  std::for_each(contours.begin(), contours.end(), add);
  return result;
}

/// The count PPSM is given: the sum itself, or (as the released DSALVANet path does) rounded up
/// from float32.
inline double ceil_count(double sum) { return std::ceil(static_cast<float>(sum)); }

}  // namespace persense
