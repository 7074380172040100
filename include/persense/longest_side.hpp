// persense/longest_side.hpp: the frame of encoders that want a fixed longest side (SAM: 1024).
#pragma once

#include <algorithm>
#include <cstdint>
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

  /// The size inside the padding: both sides times target / longest, rounded half up.
  Size input() const {
    const double scale = static_cast<double>(target) / std::max(original.width, original.height);
    return {static_cast<int>(original.width * scale + 0.5),
            static_cast<int>(original.height * scale + 0.5)};
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

  template <class Read>
  std::uint8_t at(int i, Read&& read) const {
    int sum = 1 << (precision_bits - 1);
    for (int k = 0; k < length[i]; ++k) sum += read(first[i] + k) * weights[i][k];
    return static_cast<std::uint8_t>(std::clamp(sum >> precision_bits, 0, 255));
  }
};

}  // namespace detail

/// Resizes an 8-bit image (any number of channels) with an antialiased triangle filter, columns
/// after rows, rounding to 8 bits in between.
/// @par Source  Pillow's `resize(BILINEAR)`, which the reference uses before every encoder; equal
/// to it
///   byte for byte.
inline cv::Mat resize_antialiased(const cv::Mat& image, Size size) {
  CV_Assert(image.depth() == CV_8U);
  const int channels = image.channels();
  const detail::PillowTaps across(image.cols, size.width), down(image.rows, size.height);
  cv::Mat wide(image.rows, size.width, image.type()), out(size.height, size.width, image.type());
  for (int y = 0; y < image.rows; ++y) {
    const std::uint8_t* in = image.ptr(y);
    std::uint8_t* row = wide.ptr(y);
    for (int x = 0; x < size.width; ++x)
      for (int c = 0; c < channels; ++c)
        row[x * channels + c] = across.at(x, [&](int k) { return int{in[k * channels + c]}; });
  }
  for (int y = 0; y < size.height; ++y)
    for (int i = 0; i < size.width * channels; ++i)
      out.ptr(y)[i] = down.at(y, [&](int k) { return int{wide.ptr(k)[i]}; });
  return out;
}

}  // namespace persense
