#include "pyramid.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <opencv2/imgproc.hpp>

#include "persense/detail/parallel.hpp"

namespace persense::mini {

namespace {

constexpr float darkest = -0.25f, brightest = 1.5f;  // that a stretched image holds

/// The very rule of `persense_training.worlds.stretch_table`.
cv::Mat stretching(const cv::Mat& rgb) {
  using Histogram = std::array<std::int64_t, 256>;
  detail::PerBand<Histogram> bands{};
  detail::parallel_bands(rgb.rows, bands, [&](Histogram& own, const cv::Range& rows) {
    for (int y = rows.start; y < rows.end; ++y) {
      const std::uint8_t* row = rgb.ptr(y);
      for (int i = 0; i < 3 * rgb.cols; ++i) ++own[row[i]];
    }
  });
  Histogram below{};
  for (const Histogram& own : bands)
    for (std::size_t v = 0; v < below.size(); ++v) below[v] += own[v];
  std::partial_sum(below.begin(), below.end(), below.begin());
  const std::int64_t n = below.back();
  const auto least = [&](std::int64_t thousandths) {
    const auto fewer = [](std::int64_t count, std::int64_t asked) { return 1000 * count < asked; };
    const auto at = std::lower_bound(below.begin(), below.end(), thousandths * n, fewer);
    return static_cast<int>(at - below.begin());
  };
  const int low = least(5), high = least(998);
  cv::Mat table(1, 256, CV_32FC1);
  for (int v = 0; v < 256; ++v)
    table.at<float>(v) =
        std::clamp(static_cast<float>(v - low) / static_cast<float>(std::max(high - low, 8)),
                   darkest, brightest);
  return table;
}

}  // namespace

Pyramid::Pyramid(ImageView image) : image_(image.mat().clone()), stretch_(stretching(image_)) {}

int Pyramid::most_halvings() const {
  constexpr double least_side = 16;
  const double times = std::min(image_.rows, image_.cols) / least_side;
  return static_cast<int>(std::log2(std::max(times, 1.0)));
}

cv::Mat Pyramid::halved(int times) const {
  if (times == 0) return image_;
  const std::lock_guard lock(mutex_);
  while (halvings_.size() < static_cast<std::size_t>(times)) {
    const cv::Mat& last = halvings_.empty() ? image_ : halvings_.back();
    cv::Mat half;
    cv::resize(last, half, {std::max(1, last.cols / 2), std::max(1, last.rows / 2)}, 0, 0,
               cv::INTER_AREA);
    halvings_.push_back(half);
  }
  return halvings_[static_cast<std::size_t>(times - 1)];
}

cv::Mat Pyramid::view(int side, const cv::Matx23d& to_image) const {
  const double step =
      std::sqrt(std::abs(to_image(0, 0) * to_image(1, 1) - to_image(0, 1) * to_image(1, 0)));
  const int times = std::clamp(static_cast<int>(std::lround(std::log2(step))), 0, most_halvings());
  const cv::Mat from = halved(times);
  const double scales[] = {static_cast<double>(from.cols) / image_.cols,
                           static_cast<double>(from.rows) / image_.rows};
  cv::Matx23d matrix = to_image;
  for (int i = 0; i < 2; ++i) {
    const double scale = scales[i];
    matrix(i, 0) *= scale;
    matrix(i, 1) *= scale;
    matrix(i, 2) = (matrix(i, 2) + 0.5) * scale - 0.5;
  }
  cv::Mat seen;
  cv::warpAffine(from, seen, matrix, {side, side}, cv::INTER_LINEAR | cv::WARP_INVERSE_MAP,
                 cv::BORDER_REFLECT);
  return seen;
}

cv::Matx23d composed(const cv::Matx23d& outer, const cv::Matx23d& inner) {
  const cv::Matx22d o = outer.get_minor<2, 2>(0, 0), i = inner.get_minor<2, 2>(0, 0);
  const cv::Matx21d shift = o * inner.get_minor<2, 1>(0, 2) + outer.get_minor<2, 1>(0, 2);
  const cv::Matx22d linear = o * i;
  return {linear(0, 0), linear(0, 1), shift(0), linear(1, 0), linear(1, 1), shift(1)};
}

}  // namespace persense::mini
