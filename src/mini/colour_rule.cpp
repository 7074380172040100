#include "colour_rule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>
#include <utility>

#include "region.hpp"

namespace persense::mini {

ColourRule colour_rule(const Pyramid& pyramid, const Mask& mask) {
  const cv::Mat image = pyramid.halved(0);
  const PixelBox& box = mask.box;
  const int wide = std::max(2, static_cast<int>(equivalent_diameter(mask.area()) / 2));
  const cv::Rect inner(box.x0, box.y0, box.width(), box.height());
  const cv::Rect near =
      cv::Rect(inner.x - wide, inner.y - wide, inner.width + 2 * wide, inner.height + 2 * wide) &
      cv::Rect({}, image.size());
  cv::Mat inside = cv::Mat::zeros(near.size(), CV_8UC1), close, far;
  cv::Mat(box.height(), box.width(), CV_8UC1, const_cast<std::uint8_t*>(mask.bits.data()))
      .copyTo(inside(inner - near.tl()));
  cv::dilate(inside, close, cv::Mat::ones(3, 3, CV_8UC1));
  cv::dilate(inside, far, cv::Mat::ones(2 * wide + 1, 2 * wide + 1, CV_8UC1));
  cv::Mat seen;
  cv::LUT(image(near), pyramid.stretch(), seen);
  cv::Vec3d sums[2];
  cv::Matx33d squares[2];
  double counts[2] = {0, 0};
  for (int y = 0; y < near.height; ++y)
    for (int x = 0; x < near.width; ++x) {
      const bool in = inside.at<std::uint8_t>(y, x) != 0;
      if (!in && (close.at<std::uint8_t>(y, x) != 0 || far.at<std::uint8_t>(y, x) == 0)) continue;
      const cv::Vec3d v = seen.at<cv::Vec3f>(y, x);
      sums[in] += v;
      squares[in] += v * v.t();
      ++counts[in];
    }
  if (counts[0] == 0 || counts[1] == 0) return {};
  const cv::Vec3d own = sums[1] / counts[1], around = sums[0] / counts[0];
  cv::Matx33d spread = cv::Matx33d::eye() * 1e-3;  // of what has no noise at all
  for (int i = 0; i < 2; ++i) {
    const cv::Vec3d mean = sums[i] / counts[i];
    spread += 0.5 * (squares[i] * (1 / counts[i]) - mean * mean.t());
  }
  const cv::Vec3d weights = spread.inv() * (own - around);
  return {static_cast<float>(weights[0]), static_cast<float>(weights[1]),
          static_cast<float>(weights[2]), static_cast<float>(-weights.dot(0.5 * (own + around)))};
}

namespace {

/// CV_8UC1: where a rule holds of an image.
cv::Mat holds_of(const ColourRule& rule, const Pyramid& pyramid) {
  const cv::Mat image = pyramid.halved(0);
  const cv::Mat& stretch = pyramid.stretch();
  std::array<std::array<float, 256>, 3> part{};
  for (std::size_t c = 0; c < 3; ++c)
    for (std::size_t v = 0; v < 256; ++v)
      part[c][v] = rule[c] * stretch.at<float>(static_cast<int>(v));
  cv::Mat out(image.size(), CV_8UC1);
  cv::parallel_for_(cv::Range(0, image.rows), [&](const cv::Range& rows) {
    for (int y = rows.start; y < rows.end; ++y) {
      const auto* pixel = image.ptr<cv::Vec3b>(y);
      for (int x = 0; x < image.cols; ++x)
        out.at<std::uint8_t>(y, x) =
            part[0][pixel[x][0]] + part[1][pixel[x][1]] + part[2][pixel[x][2]] + rule[3] > 0 ? 255
                                                                                             : 0;
    }
  });
  return out;
}

/// Whether any pixel of a part is set.
bool any(const cv::Mat& mask, const cv::Rect& part) { return cv::countNonZero(mask(part)) > 0; }

}  // namespace

std::vector<cv::Point> places_like(const Pyramid& pyramid, std::span<const ColourRule> rules,
                                   double diameter, int reach, std::size_t most) {
  constexpr double smallest = 0.25, opened = 0.3;  // in diameters
  cv::Mat like = cv::Mat::zeros(pyramid.size(), CV_8UC1), ids, stats, centres;
  for (const ColourRule& rule : rules) like |= holds_of(rule, pyramid);
  const int wide = std::max(1, static_cast<int>(std::lround(opened * diameter)));
  cv::morphologyEx(like, like, cv::MORPH_OPEN, cv::Mat::ones(wide, wide, CV_8UC1));
  const int count = cv::connectedComponentsWithStats(like, ids, stats, centres);
  const double area = std::numbers::pi / 4 * diameter * diameter;
  std::vector<std::pair<double, cv::Point>> found;  // how unlike in size, where
  for (int i = 1; i < count; ++i) {
    const int* of = stats.ptr<int>(i);
    if (of[cv::CC_STAT_AREA] < smallest * smallest * area) continue;
    const double unlike = std::abs(std::log(of[cv::CC_STAT_AREA] / area));
    const cv::Rect box(of[cv::CC_STAT_LEFT], of[cv::CC_STAT_TOP], of[cv::CC_STAT_WIDTH],
                       of[cv::CC_STAT_HEIGHT]);
    if (std::max(box.width, box.height) <= reach) {
      found.emplace_back(unlike, (box.tl() + box.br()) / 2);
      continue;
    }
    for (int y = box.y; y < box.y + box.height; y += reach)
      for (int x = box.x; x < box.x + box.width; x += reach) {
        const cv::Rect part = cv::Rect(x, y, reach, reach) & box;
        if (any(like, part)) found.emplace_back(unlike, (part.tl() + part.br()) / 2);
      }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<cv::Point> places;
  for (const auto& [unlike, at] : found) {
    const bool is_near = std::any_of(places.begin(), places.end(), [&](const cv::Point& p) {
      return std::max(std::abs(p.x - at.x), std::abs(p.y - at.y)) <= reach / 3;
    });
    if (!is_near) places.push_back(at);
    if (places.size() == most) break;
  }
  return places;
}

}  // namespace persense::mini
