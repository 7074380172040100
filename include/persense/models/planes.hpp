// persense/models/planes.hpp: planar float images, the form in which networks take them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <vector>

#include "persense/geometry.hpp"
#include "persense/maps.hpp"

namespace persense {

/// A batch of planar float images: [count, channels, height, width], contiguous.
struct Planes {
  int count = 0;
  int channels = 0;
  int height = 0;
  int width = 0;
  std::vector<float> values;

  Planes() = default;
  /// All zero.
  Planes(int images, int planes, Size size)
      : count(images),
        channels(planes),
        height(size.height),
        width(size.width),
        values(static_cast<std::size_t>(images) * static_cast<std::size_t>(planes) *
               static_cast<std::size_t>(size.pixels())) {}

  Size size() const { return {width, height}; }
  float* plane(int image, int channel) {
    return values.data() + (std::ptrdiff_t{image} * channels + channel) * height * width;
  }
  const float* plane(int image, int channel) const {
    return const_cast<Planes&>(*this).plane(image, channel);
  }
  Eigen::Map<FloatMap> map(int image, int channel) {
    return {plane(image, channel), height, width};
  }
  Eigen::Map<const FloatMap> map(int image, int channel) const {
    return {plane(image, channel), height, width};
  }
};

/// How pixel values become network input: (value - mean) / deviation, by channel (R, G, B).
struct PixelScaling {
  std::array<float, 3> mean{0, 0, 0};
  std::array<float, 3> deviation{255, 255, 255};
};

/// Writes an 8-bit RGB image into one image of a batch, its left edge at column `x0`.
/// The image has the batch's height and fits its width from x0 on.
inline void put_pixels(const cv::Mat& rgb, const PixelScaling& scaling, Planes& batch, int image,
                       int x0 = 0) {
  CV_Assert(rgb.type() == CV_8UC3 && batch.channels == 3);
  CV_Assert(rgb.rows == batch.height && x0 + rgb.cols <= batch.width);
  for (int c = 0; c < 3; ++c) {
    const auto channel = static_cast<std::size_t>(c);
    const float mean = scaling.mean[channel], deviation = scaling.deviation[channel];
    for (int y = 0; y < rgb.rows; ++y) {
      const std::uint8_t* in = rgb.ptr(y) + c;
      float* out = batch.plane(image, c) + std::ptrdiff_t{y} * batch.width + x0;
      for (int x = 0; x < rgb.cols; ++x)
        out[x] = (static_cast<float>(in[3 * x]) - mean) / deviation;
    }
  }
}

}  // namespace persense
