#include "window.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

namespace persense::io::detail {

namespace {

// A thousandth of the pixels at either end may be hot, dead or dust.
constexpr double low_part = 0.001, high_part = 0.999;

/// Ranks of both ends among n sorted numbers: outward, so that few numbers all count.
std::pair<std::size_t, std::size_t> ranks_of(std::size_t n, double low, double high) {
  const double last = static_cast<double>(n - 1);
  return {static_cast<std::size_t>(std::floor(low * last)),
          static_cast<std::size_t>(std::ceil(high * last))};
}

Window window_of_counts(const cv::Mat& pixels, double low_share, double high_share) {
  std::vector<std::size_t> counts(1 << 16, 0);
  const cv::Mat flat = pixels.reshape(1);
  for (int y = 0; y < flat.rows; ++y)
    for (int x = 0; x < flat.cols; ++x) ++counts[flat.at<std::uint16_t>(y, x)];
  const auto at_rank = [&](std::size_t rank) {
    std::size_t value = 0;
    for (std::size_t below = counts[0]; below <= rank; below += counts[value]) ++value;
    return static_cast<double>(value);
  };
  const auto [low, high] = ranks_of(flat.total(), low_share, high_share);
  return {at_rank(low), at_rank(high)};
}

/// Of floating point numbers: as many of them as are enough, evenly spread.
Window window_of_sample(const cv::Mat& pixels, double low_share, double high_share) {
  constexpr std::size_t most = 1 << 22;
  cv::Mat flat;
  pixels.reshape(1).convertTo(flat, CV_64F);
  const std::size_t step = (flat.total() + most - 1) / most;
  std::vector<double> values;
  for (std::size_t i = 0; i < flat.total(); i += step) {
    const auto columns = static_cast<std::size_t>(flat.cols);
    const double v = flat.at<double>(static_cast<int>(i / columns), static_cast<int>(i % columns));
    if (std::isfinite(v)) values.push_back(v);
  }
  if (values.empty()) return {0, 0};
  const auto at_rank = [&](std::size_t rank) {
    const auto place = values.begin() + static_cast<std::ptrdiff_t>(rank);
    std::nth_element(values.begin(), place, values.end());
    return *place;
  };
  const auto [low, high] = ranks_of(values.size(), low_share, high_share);
  return {at_rank(low), at_rank(high)};
}

}  // namespace

Window percentile_window(const cv::Mat& pixels) {
  const bool is_counted = pixels.depth() == CV_16U;
  const auto between = [&](double low, double high) {
    return is_counted ? window_of_counts(pixels, low, high) : window_of_sample(pixels, low, high);
  };
  Window window = between(low_part, high_part);
  if (window.high == window.low) window = between(0, 1);  // what differs is less than a thousandth
  if (!(window.high > window.low)) window.high = window.low + 1;
  return window;
}

cv::Mat through_window(const cv::Mat& pixels, const Window& window) {
  const double scale = 255 / (window.high - window.low);
  const auto level = [&](double v) {
    if (std::isnan(v)) return std::uint8_t{0};
    return cv::saturate_cast<std::uint8_t>((std::clamp(v, window.low, window.high) - window.low) *
                                           scale);
  };
  cv::Mat out(pixels.size(), CV_8UC(pixels.channels()));
  const auto convert = [&]<class T>(T, const auto& level_of) {
    const cv::Mat flat = pixels.reshape(1), to = out.reshape(1);
    for (int y = 0; y < flat.rows; ++y)
      std::transform(flat.ptr<T>(y), flat.ptr<T>(y) + flat.cols, to.data + y * to.step, level_of);
  };
  if (pixels.depth() == CV_16U) {
    std::vector<std::uint8_t> levels(1 << 16);
    for (std::size_t v = 0; v < levels.size(); ++v) levels[v] = level(static_cast<double>(v));
    convert(std::uint16_t{}, [&](std::uint16_t v) { return levels[v]; });
  } else if (pixels.depth() == CV_32F) {
    convert(float{}, [&](float v) { return level(static_cast<double>(v)); });
  } else {
    convert(double{}, level);
  }
  return out;
}

}  // namespace persense::io::detail
