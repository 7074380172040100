// What the tests of the density map generators share.
#pragma once

#include <random>

#include "archives.hpp"
#include "io/scratch.hpp"
#include "persense/stages.hpp"

namespace persense::test {

/// The simplest encoder: it sees nothing.
struct BlindEncoder {
  struct Embedding {};
  struct Prototype {};
  Embedding encode(ImageView) const { return {}; }
  Prototype prototype(std::span<const EncodedExample<Embedding>>) const { return {}; }
  FloatMap similarity(const Embedding&, const Prototype&, Size size) const {
    return FloatMap::Zero(size.height, size.width);
  }
};

inline cv::Mat noise(Size size) {
  std::mt19937 random(1);
  cv::Mat image(size.height, size.width, CV_8UC3);
  for (int y = 0; y < size.height; ++y)
    for (int i = 0; i < 3 * size.width; ++i)
      image.ptr(y)[i] = static_cast<std::uint8_t>(random() >> 24);
  return image;
}

}  // namespace persense::test
