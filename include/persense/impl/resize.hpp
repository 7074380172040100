// persense/impl/resize.hpp: bodies of resize.hpp, which includes it unless they are compiled
// elsewhere.
#pragma once

#include <fmt/core.h>
#include <Eigen/Core>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <opencv2/core/utility.hpp>
#include <vector>

#include "persense/detail/resampling.hpp"
#include "persense/error.hpp"
#include "persense/geometry.hpp"
#include "persense/maps.hpp"
#include "persense/resize.hpp"

namespace persense {

PERSENSE_DECL FloatMap resize_bilinear(const FloatMapView& map, Size size) {
  if (map.size() == 0 || size.width <= 0 || size.height <= 0)
    throw InvalidArgument(
        fmt::format("resize_bilinear: from {} to {}; expected sizes of at least 1 x 1",
                    to_string(size_of(map)), to_string(size)));
  const auto across = detail::pytorch_bilinear(static_cast<int>(map.cols()), size.width);
  const auto down = detail::pytorch_bilinear(static_cast<int>(map.rows()), size.height);
  FloatMap out(size.height, size.width);
  for (int y = 0; y < size.height; ++y) {
    const auto upper = map.row(down.first[y]);
    const auto lower = map.row(down.second[y]);
    const float v = down.weight[y];
    for (int x = 0; x < size.width; ++x) {
      const int a = across.first[x], b = across.second[x];
      const float u = across.weight[x];
      out(y, x) =
          (1 - v) * ((1 - u) * upper(a) + u * upper(b)) + v * ((1 - u) * lower(a) + u * lower(b));
    }
  }
  return out;
}

PERSENSE_DECL FloatMap resize_antialiased(const FloatMapView& map, Size size) {
  const auto weights = [](Eigen::Index from, int to) {
    Eigen::MatrixXf taps = Eigen::MatrixXf::Zero(to, from);
    for (int i = 0; i < to; ++i) {
      const detail::TriangleWindow window(static_cast<int>(from), to, i);
      Eigen::Index k = window.begin;
      for (const double weight : window.weights) taps(i, k++) = static_cast<float>(weight);
      taps.row(i) /= taps.row(i).sum();
    }
    return taps;
  };
  return (weights(map.rows(), size.height) * map.matrix() *
          weights(map.cols(), size.width).transpose())
      .array();
}

namespace detail {

/// One row of some channels, resampled across.
template <int Channels>
void resample_across(const PillowTaps& taps, const std::uint8_t* in, std::uint8_t* out) {
  for (std::size_t i = 0; i < taps.weights.size(); ++i) {
    const std::uint8_t* pixel = in + std::ptrdiff_t{taps.first[i]} * Channels;
    int sums[Channels];
    std::fill(sums, sums + Channels, PillowTaps::half);
    for (const int weight : taps.weights[i])
      for (int c = 0; c < Channels; ++c) sums[c] += *pixel++ * weight;
    for (const int sum : sums) *out++ = PillowTaps::rounded(sum);
  }
}

/// Row `i` of an image whose columns are resampled. `sums` is room for a row.
inline void resample_down(const PillowTaps& taps, const cv::Mat& in, std::size_t i,
                          std::uint8_t* out, std::vector<int>& sums) {
  std::fill(sums.begin(), sums.end(), PillowTaps::half);
  int y = taps.first[i];
  for (const int weight : taps.weights[i]) {
    const std::uint8_t* row = in.ptr(y++);
    for (std::size_t x = 0; x < sums.size(); ++x) sums[x] += row[x] * weight;
  }
  std::transform(sums.begin(), sums.end(), out, PillowTaps::rounded);
}

}  // namespace detail

PERSENSE_DECL cv::Mat resize_antialiased(const cv::Mat& image, Size size) {
  CV_Assert(image.depth() == CV_8U && image.channels() <= 4);
  constexpr decltype(&detail::resample_across<1>) across[] = {
      detail::resample_across<1>, detail::resample_across<2>, detail::resample_across<3>,
      detail::resample_across<4>};
  const detail::PillowTaps columns(image.cols, size.width), rows(image.rows, size.height);
  const auto resize_row = across[image.channels() - 1];
  cv::Mat wide(image.rows, size.width, image.type()), out(size.height, size.width, image.type());
  cv::parallel_for_(cv::Range(0, image.rows), [&](const cv::Range& range) {
    for (int y = range.start; y < range.end; ++y) resize_row(columns, image.ptr(y), wide.ptr(y));
  });
  cv::parallel_for_(cv::Range(0, size.height), [&](const cv::Range& range) {
    std::vector<int> sums(static_cast<std::size_t>(size.width * image.channels()));
    for (int y = range.start; y < range.end; ++y)
      detail::resample_down(rows, wide, static_cast<std::size_t>(y), out.ptr(y), sums);
  });
  return out;
}

}  // namespace persense
