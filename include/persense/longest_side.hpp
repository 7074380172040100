// persense/longest_side.hpp: the frame of encoders that want a fixed longest side (SAM: 1024).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <opencv2/core.hpp>
#include <vector>

#include "persense/geometry.hpp"
#include "persense/maps.hpp"

namespace persense {

/// An image resized so that its longest side is `target`, then padded right and bottom to a square.
/// Maps coordinates into that frame and low-resolution maps back to the image.
/// @par Source  segment-anything `ResizeLongestSide`, `postprocess_masks`.
struct LongestSide {
  Size original;
  int target = 1024;

  /// The size inside the padding: both sides times target / longest, rounded half up, at least 1.
  Size input() const {
    const double scale = static_cast<double>(target) / std::max(original.width, original.height);
    const auto side = [scale](int length) {
      return std::max(1, static_cast<int>(length * scale + 0.5));
    };
    return {side(original.width), side(original.height)};
  }
  double to_input_x(double x) const {
    return x * (static_cast<double>(input().width) / original.width);
  }
  double to_input_y(double y) const {
    return y * (static_cast<double>(input().height) / original.height);
  }

  /// A square low-resolution map (logits, similarity) back to image size: bilinear to
  /// target x target, without the padding, bilinear to the image.
  FloatMap to_original(const FloatMapView& low_res) const {
    const FloatMap square = resize_bilinear(low_res, {target, target});
    const Size inner = input();
    return resize_bilinear(square.topLeftCorner(inner.height, inner.width), original);
  }
};

namespace detail {

/// Antialiased bilinear resampling along one axis of an 8-bit image, in Pillow's fixed point.
struct PillowTaps {
  static constexpr int precision_bits = 32 - 8 - 2;
  std::vector<int> first, length;
  std::vector<std::vector<int>> weights;

  PillowTaps(int from, int to) {
    const double scale = static_cast<double>(from) / to, filter_scale = std::max(scale, 1.0);
    for (int i = 0; i < to; ++i) {
      const double center = (i + 0.5) * scale;
      const int begin = std::max(static_cast<int>(center - filter_scale + 0.5), 0);
      const int end = std::min(static_cast<int>(center + filter_scale + 0.5), from);
      std::vector<double> w;
      double sum = 0;
      for (int x = begin; x < end; ++x) {
        w.push_back(std::max(0.0, 1.0 - std::abs((x - center + 0.5) / filter_scale)));
        sum += w.back();
      }
      auto& fixed = weights.emplace_back();
      for (const double v : w)
        fixed.push_back(static_cast<int>(0.5 + v / sum * (1 << precision_bits)));
      first.push_back(begin);
      length.push_back(end - begin);
    }
  }

  static std::uint8_t rounded(int sum) {
    return static_cast<std::uint8_t>(std::clamp(sum >> precision_bits, 0, 255));
  }
  static constexpr int half = 1 << (precision_bits - 1);

  /// One row, from `from` to `to` pixels of some channels.
  template <int Channels>
  void across(const std::uint8_t* in, std::uint8_t* out) const {
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const std::uint8_t* pixel = in + std::ptrdiff_t{first[i]} * Channels;
      int sums[Channels];
      std::fill(sums, sums + Channels, half);
      for (const int weight : weights[i])
        for (int c = 0; c < Channels; ++c) sums[c] += *pixel++ * weight;
      for (const int sum : sums) *out++ = rounded(sum);
    }
  }

  /// Row `i` of the image whose columns are resampled. `sums` is room for a row.
  void down(const cv::Mat& in, std::size_t i, std::uint8_t* out, std::vector<int>& sums) const {
    std::fill(sums.begin(), sums.end(), half);
    for (int k = 0; k < length[i]; ++k) {
      const std::uint8_t* row = in.ptr(first[i] + k);
      const int weight = weights[i][static_cast<std::size_t>(k)];
      for (std::size_t x = 0; x < sums.size(); ++x) sums[x] += row[x] * weight;
    }
    std::transform(sums.begin(), sums.end(), out, rounded);
  }
};

}  // namespace detail

/// Resizes an 8-bit image (one to four channels) with an antialiased triangle filter, columns
/// after rows, rounding to 8 bits in between. Rows are shared between OpenCV's threads.
/// @par Source  Pillow's `resize(BILINEAR)`, which the reference uses before every encoder; equal
///   to it byte for byte.
inline cv::Mat resize_antialiased(const cv::Mat& image, Size size) {
  CV_Assert(image.depth() == CV_8U && image.channels() <= 4);
  using Taps = detail::PillowTaps;
  constexpr decltype(&Taps::across<1>) across[] = {&Taps::across<1>, &Taps::across<2>,
                                                   &Taps::across<3>, &Taps::across<4>};
  const Taps columns(image.cols, size.width), rows(image.rows, size.height);
  const auto resize_row = across[image.channels() - 1];
  cv::Mat wide(image.rows, size.width, image.type()), out(size.height, size.width, image.type());
  cv::parallel_for_(cv::Range(0, image.rows), [&](const cv::Range& range) {
    for (int y = range.start; y < range.end; ++y) (columns.*resize_row)(image.ptr(y), wide.ptr(y));
  });
  cv::parallel_for_(cv::Range(0, size.height), [&](const cv::Range& range) {
    std::vector<int> sums(static_cast<std::size_t>(size.width * image.channels()));
    for (int y = range.start; y < range.end; ++y)
      rows.down(wide, static_cast<std::size_t>(y), out.ptr(y), sums);
  });
  return out;
}

}  // namespace persense
