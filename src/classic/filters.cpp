#include "filters.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "persense/detail/parallel.hpp"

namespace persense::classic {

float percentile(const cv::Mat& map, double p) {
  const std::size_t total = map.total(), step = std::max<std::size_t>(1, total >> 17);
  std::vector<float> sample;
  sample.reserve(total / step + 1);
  const float* value = map.ptr<float>();
  for (std::size_t i = 0; i < total; i += step) sample.push_back(value[i]);
  const auto rank = std::lround(p / 100 * static_cast<double>(sample.size() - 1));
  std::nth_element(sample.begin(), sample.begin() + rank, sample.end());
  return sample[static_cast<std::size_t>(rank)];
}

cv::Mat gradient_of(const cv::Mat& map) {
  cv::Mat gx, gy, magnitude;
  cv::Sobel(map, gx, CV_32F, 1, 0, 3, 1.0 / 8);
  cv::Sobel(map, gy, CV_32F, 0, 1, 3, 1.0 / 8);
  cv::magnitude(gx, gy, magnitude);
  return magnitude;
}

cv::Mat blurred(const cv::Mat& map, double deviation, int border) {
  cv::Mat out(map.size(), map.type());
  if (map.cols ==
      1) {  // OpenCV blurs a single column across, too, where it is a part of a wider map
    cv::GaussianBlur(map, out, {}, deviation, 0, border);
    return out;
  }
  persense::detail::PerBand<cv::Mat> parts;
  persense::detail::parallel_bands(map.rows, parts, [&](cv::Mat& part, const cv::Range& rows) {
    if (rows.empty()) return;
    part = out.rowRange(rows);  // a part of a map is blurred with the rows around it
    cv::GaussianBlur(map.rowRange(rows), part, {}, deviation, 0, border);
  });
  return out;
}

cv::Mat wide_blur(const cv::Mat& map, double deviation) {
  const int most = std::max(1, std::min(map.cols, map.rows) / 8);
  const int shrink = std::clamp(static_cast<int>(deviation / 4), 1, most);
  cv::Mat small = map, out;
  if (shrink > 1) cv::resize(map, small, {}, 1.0 / shrink, 1.0 / shrink, cv::INTER_AREA);
  cv::GaussianBlur(small, out, {}, deviation / shrink);
  if (shrink > 1) cv::resize(out, out, map.size(), 0, 0, cv::INTER_LINEAR);
  return out;
}

cv::Mat local_contrast(const cv::Mat& map, int size) {
  const int shrink = size >= 24 && std::min(map.cols, map.rows) >= 16 ? 4 : 1;
  cv::Mat small = map, floor;
  if (shrink > 1) cv::resize(map, small, {}, 1.0 / shrink, 1.0 / shrink, cv::INTER_AREA);
  const int side = std::max(1, size / shrink) | 1;
  cv::morphologyEx(small, floor, cv::MORPH_OPEN, cv::Mat::ones(side, side, CV_8U));
  if (shrink > 1) cv::resize(floor, floor, map.size(), 0, 0, cv::INTER_LINEAR);
  return map - cv::min(floor, map);
}

cv::Mat distance_to(const cv::Mat& mask) {
  cv::Mat distance;
  cv::distanceTransform(mask == 0, distance, cv::DIST_L2, 3);
  return distance;
}

cv::Mat depth_of(const cv::Mat& mask) {
  cv::Mat padded, distance;
  cv::copyMakeBorder(mask, padded, 1, 1, 1, 1, cv::BORDER_REPLICATE);
  cv::distanceTransform(padded, distance, cv::DIST_L2, 5);
  const cv::Mat inner = distance(cv::Rect(1, 1, mask.cols, mask.rows));
  return cv::min(inner, std::max(mask.rows, mask.cols));  // a mask without any edge has no distance
}

void fill_small_holes(cv::Mat& mask, double largest) {
  cv::Mat labels, stats, centers;
  const int n = cv::connectedComponentsWithStats(mask == 0, labels, stats, centers, 4);
  std::vector<std::uint8_t> fill(static_cast<std::size_t>(n), 0);
  for (int i = 1; i < n; ++i) {
    const int* s = stats.ptr<int>(i);
    const bool inside = s[cv::CC_STAT_LEFT] > 0 && s[cv::CC_STAT_TOP] > 0 &&
                        s[cv::CC_STAT_LEFT] + s[cv::CC_STAT_WIDTH] < mask.cols &&
                        s[cv::CC_STAT_TOP] + s[cv::CC_STAT_HEIGHT] < mask.rows;
    if (inside && s[cv::CC_STAT_AREA] < largest) fill[static_cast<std::size_t>(i)] = 255;
  }
  const int* label = labels.ptr<int>();
  std::uint8_t* m = mask.ptr();
  for (std::size_t p = 0, total = mask.total(); p < total; ++p)
    m[p] |= fill[static_cast<std::size_t>(label[p])];
}

}  // namespace persense::classic
