// persense/baselines/otsu.hpp: what is done without any model: a threshold and a watershed.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <opencv2/imgproc.hpp>
#include <queue>
#include <tuple>
#include <utility>
#include <vector>

#include "persense/baselines/prompted.hpp"
#include "persense/detail/label_masks.hpp"
#include "persense/detail/peaks.hpp"
#include "persense/options.hpp"
#include "persense/pipeline_steps.hpp"
#include "persense/result.hpp"
#include "persense/staged_method.hpp"
#include "persense/stages.hpp"

namespace persense {

namespace detail {

/// The foreground and what it encloses. @param mask  CV_8UC1, 0 or 255.
inline cv::Mat without_holes(const cv::Mat& mask) {
  cv::Mat outside;
  cv::copyMakeBorder(mask, outside, 1, 1, 1, 1, cv::BORDER_CONSTANT, 0);
  cv::floodFill(outside, {0, 0}, 255, nullptr, {}, {}, 4);
  return mask | ~outside(cv::Rect(1, 1, mask.cols, mask.rows));
}

/// The highest points of a distance transform: within each 4-connected part of its foreground,
/// those that no other within `distance` (Chebyshev) exceeds; of two nearer than that, the higher;
/// none as near to the image's border, and none where all are equal.
inline std::vector<Point> distance_peaks(const cv::Mat& distances, int distance) {
  cv::Mat parts, extents, centers;
  const cv::Mat foreground = distances > 0;
  const int count = cv::connectedComponentsWithStats(foreground, parts, extents, centers, 4);
  const cv::Mat window = cv::Mat::ones(2 * distance + 1, 2 * distance + 1, CV_8UC1);
  const cv::Rect inner(distance, distance, distances.cols - 2 * distance,
                       distances.rows - 2 * distance);
  std::vector<Point> peaks;
  if (inner.width <= 0 || inner.height <= 0) return peaks;
  for (int part = 1; part < count; ++part) {
    const int* const extent = extents.ptr<int>(part);
    const cv::Rect around = cv::Rect(extent[cv::CC_STAT_LEFT], extent[cv::CC_STAT_TOP],
                                     extent[cv::CC_STAT_WIDTH], extent[cv::CC_STAT_HEIGHT]) &
                            inner;
    if (around.empty()) continue;
    cv::Mat own, highest;
    const cv::Mat inside = parts(around) == part;
    distances(around).copyTo(own, inside);
    double low = 0, high = 0;
    cv::minMaxLoc(own, &low, &high, nullptr, nullptr, inside);
    if (low == high) continue;  // no background in the image, for example
    cv::dilate(own, highest, window, {-1, -1}, 1, cv::BORDER_CONSTANT, 0);
    std::vector<std::pair<float, Point>> ordered;
    for (int y = 0; y < own.rows; ++y)
      for (int x = 0; x < own.cols; ++x)
        if (const float value = own.at<float>(y, x); value > 0 && value == highest.at<float>(y, x))
          ordered.push_back({value, {x + around.x, y + around.y}});
    std::stable_sort(ordered.begin(), ordered.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    std::vector<Point> points;
    for (const auto& [value, point] : ordered) points.push_back(point);
    for (const Point p : spaced(points, distance)) peaks.push_back(p);
  }
  return peaks;
}

/// Grows markers over the foreground, the highest pixel first, of equal ones the first reached.
/// @return  CV_32SC1: index of the marker + 1, or 0.
inline cv::Mat flood_from(const std::vector<Point>& markers, const cv::Mat& heights,
                          const cv::Mat& foreground) {
  cv::Mat labels = cv::Mat::zeros(heights.size(), CV_32SC1);
  using Reached = std::tuple<float, std::int64_t, int, int>;  // height, minus the turn, x, y
  std::priority_queue<Reached> next;
  std::int64_t turn = 0;
  const auto reach = [&](int x, int y, int label) {
    labels.at<int>(y, x) = label;
    next.emplace(heights.at<float>(y, x), turn--, x, y);
  };
  for (std::size_t i = 0; i < markers.size(); ++i)
    reach(markers[i].x, markers[i].y, static_cast<int>(i) + 1);
  const cv::Rect frame(0, 0, heights.cols, heights.rows);
  while (!next.empty()) {
    const auto [height, when, x, y] = next.top();
    next.pop();
    for (const auto& [dx, dy] : {std::pair{0, -1}, {-1, 0}, {1, 0}, {0, 1}}) {
      const cv::Point to(x + dx, y + dy);
      if (frame.contains(to) && foreground.at<std::uint8_t>(to) != 0 && labels.at<int>(to) == 0)
        reach(to.x, to.y, labels.at<int>(y, x));
    }
  }
  return labels;
}

}  // namespace detail

/// Otsu's threshold of the grey image and a watershed on the distance to the background, which is
/// what a user without a model does. The support says whether objects are brighter or darker than
/// what is around them, and how large they are: markers are a quarter of its diameter apart at
/// least, and regions below a tenth of its area are left out. A score says how near an area is to
/// the support object's: the smaller over the larger.
///
/// Neither encoder nor decoder sees the query; they make masks of boxes and points in the support.
/// The similarity is 1 where a pixel is as grey as the support object, -1 where it differs by 255.
/// @par Threads  As Pipeline.
/// @par Source  N. Otsu, A threshold selection method from gray-level histograms (1979); the rest
///   as with scikit-image: threshold_otsu after a Gaussian of 1 pixel, holes filled, opened 3 x 3,
///   peak_local_max of the distance transform (none near the image's border), watershed.
template <ImageEncoder Encoder, DecoderFor<Encoder> Decoder>
class Otsu : public StagedMethod<Otsu<Encoder, Decoder>, Encoder, Decoder> {
  using Base = StagedMethod<Otsu, Encoder, Decoder>;

 public:
  /// @param options  `method` is set to what this is.
  /// @throws InvalidArgument  an option out of its range.
  Otsu(Encoder encoder, Decoder decoder, Options options = Options::paper())
      : Base(std::move(encoder), std::move(decoder), options, /*reads_text=*/false) {
    options_.method = Method::otsu;
  }

 private:
  friend Base;
  using Base::options_;
  using ClassFound = detail::ClassFound;

  /// Of the steps, it has similarity, decode (threshold and watershed) and instances.
  ClassFound find(ImageView image, const typename Encoder::Embedding&,
                  const Support<Encoder>& support, detail::StepClock& clock) const {
    constexpr float spacing = 0.25f, smallest = 0.1f;  // of the diameter, the area
    ClassFound found;
    const Greys object = greys_of(support);
    const cv::Mat grey = grey_of(image);
    found.similarity = clock(Step::similarity, [&] {
      FloatMap map(image.height, image.width);
      cv::Mat out = as_mat(map);  // the map's own memory
      cv::absdiff(grey, object.inside, out);
      map = 1 - map * (2.0f / 255);
      return map;
    });
    if (clock.run.trace) found.result.trace.emplace().similarity = found.similarity;
    const auto area =
        static_cast<float>(std::numbers::pi / 4) * support.diameter * support.diameter;
    auto [markers, masks] = clock(Step::decode, [&] {
      const cv::Mat foreground = foreground_of(grey, object.inside > object.around);
      cv::Mat distances;
      cv::distanceTransform(foreground, distances, cv::DIST_L2, 5);
      const int least = std::max(3, cvRound(spacing * support.diameter));
      auto peaks = detail::distance_peaks(distances, least);
      auto regions = detail::masks_of_labels(detail::flood_from(peaks, distances, foreground));
      return std::pair(std::move(peaks), std::move(regions));
    });
    std::vector<Prompt> prompts;
    std::vector<ScoredMask> kept;
    for (auto& [label, mask] : masks) {
      const auto own = static_cast<float>(mask.area());
      if (own < smallest * area) continue;
      prompts.push_back({markers[static_cast<std::size_t>(label - 1)]});
      kept.push_back({std::move(mask), std::min(own, area) / std::max(own, area)});
    }
    if (kept.empty())
      found.notes.push_back("no instance: no part of the foreground is large enough");
    detail::conclude(markers, prompts, std::move(kept), image.size(), options_.instances, clock,
                     found);
    return found;
  }

  static cv::Mat grey_of(ImageView image) {
    cv::Mat grey, values;
    cv::cvtColor(image.mat(), grey, cv::COLOR_RGB2GRAY);
    grey.convertTo(values, CV_32F);
    return values;
  }

  /// Means of the support objects and of the ring around them.
  struct Greys {
    double inside = 0, around = 0;
  };
  static Greys greys_of(const Support<Encoder>& support) {
    constexpr int reach = 15;  // side of the square that the ring reaches, pixels
    const cv::Mat grey = grey_of(support.image.view());
    cv::Mat ring;
    cv::dilate(support.mask, ring, cv::Mat::ones(reach, reach, CV_8UC1));
    ring &= ~support.mask;
    constexpr double middle = 127.5;  // for an object that fills its image
    return {cv::mean(grey, support.mask)[0],
            cv::countNonZero(ring) > 0 ? cv::mean(grey, ring)[0] : middle};
  }

  static cv::Mat foreground_of(const cv::Mat& grey, bool bright) {
    cv::Mat smooth, levels, foreground, opened;
    cv::GaussianBlur(grey, smooth, {}, 1);
    smooth.convertTo(levels, CV_8U);  // for which OpenCV has the threshold
    cv::threshold(levels, foreground, 0, 255,
                  cv::THRESH_OTSU | (bright ? cv::THRESH_BINARY : cv::THRESH_BINARY_INV));
    cv::morphologyEx(detail::without_holes(foreground), opened, cv::MORPH_OPEN,
                     cv::Mat::ones(3, 3, CV_8UC1));
    return opened;
  }
};

}  // namespace persense
