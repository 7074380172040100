// persense/impl/idm.hpp: bodies of idm.hpp, which includes it unless they are compiled elsewhere.
#pragma once

#include <fmt/core.h>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <opencv2/imgproc.hpp>
#include <set>
#include <vector>

#include "persense/detail/chamfer_distance.hpp"
#include "persense/detail/contours.hpp"
#include "persense/detail/erosion.hpp"
#include "persense/detail/map_at_image_size.hpp"
#include "persense/detail/parallel.hpp"
#include "persense/detail/peaks.hpp"
#include "persense/error.hpp"
#include "persense/geometry.hpp"
#include "persense/idm.hpp"
#include "persense/maps.hpp"
#include "persense/options.hpp"
#include "persense/resize.hpp"

namespace persense {

namespace detail {

/// The frame that a map is binarised in: the image's, or the map's own where that is finer. Shrunk,
/// the peaks of small objects would be too narrow to outlast the erosion.
inline Size idm_frame(Size map, Size image) {
  return map.width >= image.width && map.height >= image.height ? map : image;
}

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

/// The blobs above a level, bottom-most first, as the reference lists them.
inline std::vector<OuterContour> blobs_of(const FloatMapView& density, const MapSummary& summary,
                                          Size frame, int level) {
  SparseBinaryImage binary = eroded_binary_map(density, summary, frame, level);
  std::vector<OuterContour> blobs = outer_contours(binary);
  std::reverse(blobs.begin(), blobs.end());
  return blobs;
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

/// The child contours of each blob that is larger than eq. 5 allows one object to be.
inline std::vector<std::vector<OuterContour>> children_of_composites(
    const std::vector<OuterContour>& blobs, Size frame) {
  const double limit = composite_area(blobs);
  std::vector<const OuterContour*> composites;
  for (const OuterContour& blob : blobs)
    if (blob.area() > limit) composites.push_back(&blob);
  std::vector<std::vector<OuterContour>> children(composites.size());
  cv::parallel_for_(cv::Range(0, static_cast<int>(composites.size())), [&](const cv::Range& range) {
    for (auto i = static_cast<std::size_t>(range.start); i < static_cast<std::size_t>(range.end);
         ++i)
      children[i] = child_contours(*composites[i], frame);
  });
  return children;
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

/// The pixel of the image in which the middle of a pixel of the frame lies.
inline Point rescaled(Point p, Size frame, Size image) {
  const auto at = [](int i, int from, int to) {
    return from == to ? i
                      : static_cast<int>((2 * std::int64_t{i} + 1) * to / (2 * std::int64_t{from}));
  };
  return {at(p.x, frame.width, image.width), at(p.y, frame.height, image.height)};
}

/// The released code's 8-bit map: stretched over the image, then truncated to levels.
inline cv::Mat reference_gray(const FloatMapView& density, Size image) {
  const FloatMap map = resize_bilinear(density, image);
  const float lowest = map.minCoeff(), highest = map.maxCoeff();
  cv::Mat gray = cv::Mat::zeros(image.height, image.width, CV_8UC1);
  for (int y = 0; y < image.height && highest > lowest; ++y)
    for (int x = 0; x < image.width; ++x)
      gray.at<std::uint8_t>(y, x) =
          static_cast<std::uint8_t>(gray_level(map(y, x), lowest, highest));
  return gray;
}

/// Steps 4 to 22 of algorithm 2: the cores of composite blobs, then all blobs.
inline std::vector<Point> contour_points(const FloatMapView& density, const MapSummary& summary,
                                         Size frame, const IdmOptions& options) {
  const bool strict = options.rules == Rules::reference;
  const auto blobs = blobs_of(density, summary, frame, options.threshold + (strict ? 1 : 0));
  std::vector<Point> points;
  const auto add = [&](const OuterContour& contour) {
    points.push_back(center_of(contour, options.rules));
  };
  if (options.split == Switch::on)
    for (const auto& children : children_of_composites(blobs, frame))
      std::for_each(children.rbegin(), children.rend(), add);
  std::for_each(blobs.begin(), blobs.end(), add);
  return points;
}

/// Contours and peaks with one point for each object: the peaks of a blob that has several,
/// whatever its area; the cores of a composite blob without them; the centre of any other; and
/// peaks outside of all blobs that stand out from the whole map.
/// @param spacing  pixels of the frame; of points nearer than that in x and in y, one stays.
/// @return  pixels of the frame.
inline std::vector<Point> hybrid_points(const FloatMapView& density, const MapSummary& summary,
                                        Size frame, const IdmOptions& options, int spacing) {
  const auto blobs = blobs_of(density, summary, frame, options.threshold);
  const double composite =
      options.split == Switch::on ? composite_area(blobs) : std::numeric_limits<double>::infinity();
  const std::vector<Point> peaks = peak_points(density, summary, frame, options.threshold);
  PointsByRow by_row(peaks);
  std::vector<bool> in_blob(peaks.size(), false);
  std::vector<Point> points;
  for (const OuterContour& blob : blobs) {
    const std::vector<std::size_t> inside = by_row.inside(blob);
    for (const std::size_t i : inside) in_blob[i] = true;
    std::vector<OuterContour> cores;
    if (inside.size() < 2 && blob.area() > composite) cores = child_contours(blob, frame);
    if (inside.size() >= 2)
      for (const std::size_t i : inside) points.push_back(peaks[i]);
    else if (cores.size() >= 2)
      for (auto core = cores.rbegin(); core != cores.rend(); ++core)
        points.push_back(center_of(*core, Rules::paper));
    else
      points.push_back(center_of(blob, Rules::paper));
  }
  for (std::size_t i = 0; i < peaks.size(); ++i)
    if (!in_blob[i]) points.push_back(peaks[i]);
  return spaced(points, spacing);
}

}  // namespace detail

PERSENSE_DECL IdmResult idm(const FloatMapView& density, Size image, const IdmOptions& options,
                            double diameter) {
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
  const Size frame =
      options.rules == Rules::reference ? image : detail::idm_frame(size_of(density), image);
  std::vector<Point> points;
  if (options.mode == IdmMode::hybrid && options.rules == Rules::paper) {
    // two objects side by side are at least their smaller side apart
    const double scale = static_cast<double>(frame.width) / image.width;
    points = detail::hybrid_points(density, summary, frame, options,
                                   static_cast<int>(0.35 * diameter * scale));
  } else {
    if (options.mode != IdmMode::peaks)
      points = detail::contour_points(density, summary, frame, options);
    if (options.mode != IdmMode::contour) {
      const auto peaks = options.rules == Rules::reference
                             ? detail::reference_peaks(detail::reference_gray(density, image))
                             : detail::peak_points(density, summary, frame, options.threshold);
      points.insert(points.end(), peaks.begin(), peaks.end());
    }
  }
  const bool repeats = options.rules == Rules::reference && options.mode == IdmMode::contour;
  std::set<Point> seen;
  for (const Point p : points) {
    const Point in_image = detail::rescaled(p, frame, image);
    if (repeats || seen.insert(in_image).second) result.points.push_back(in_image);
  }
  return result;
}

}  // namespace persense
