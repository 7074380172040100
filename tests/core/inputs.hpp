// Seeded inputs that several core tests share.
#pragma once

#include <cmath>
#include <cstdint>
#include <opencv2/imgproc.hpp>
#include <ostream>
#include <random>

#include "message_of.hpp"
#include "persense/maps.hpp"

namespace persense {

// found by the test framework when a comparison fails
inline std::ostream& operator<<(std::ostream& out, Point p) {
  return out << '(' << p.x << ", " << p.y << ')';
}
inline std::ostream& operator<<(std::ostream& out, const PixelBox& b) {
  return out << '(' << b.x0 << ", " << b.y0 << ", " << b.x1 << ", " << b.y1 << ')';
}
inline std::ostream& operator<<(std::ostream& out, const Box& b) {
  return out << '(' << b.x0 << ", " << b.y0 << ", " << b.x1 << ", " << b.y1 << ')';
}
inline std::ostream& operator<<(std::ostream& out, Size s) { return out << to_string(s); }

namespace testing {

/// Numbers that are the same on every platform: the standard's distributions are not.
class Random {
 public:
  explicit Random(std::uint32_t seed) : engine_(seed) {}
  /// lowest <= n <= highest.
  int integer(int lowest, int highest) {
    return lowest + static_cast<int>(engine_() % static_cast<unsigned>(highest - lowest + 1));
  }
  /// lowest <= v < highest.
  float real(float lowest, float highest) {
    return lowest + (highest - lowest) * static_cast<float>(engine_() >> 8) / 16777216.0f;
  }
  bool chance(float probability) { return real(0, 1) < probability; }

 private:
  std::mt19937 engine_;
};

/// Gaussian bumps on a flat ground: what a density map generator returns.
inline FloatMap bump_map(Random& random, Size size, int count, float narrowest, float widest) {
  FloatMap map = FloatMap::Zero(size.height, size.width);
  for (int i = 0; i < count; ++i) {
    const float x0 = random.real(0, static_cast<float>(size.width));
    const float y0 = random.real(0, static_cast<float>(size.height));
    const float sigma = random.real(narrowest, widest), peak = random.real(0.4f, 1.0f);
    for (int y = 0; y < size.height; ++y)
      for (int x = 0; x < size.width; ++x) {
        const float dx = static_cast<float>(x) - x0, dy = static_cast<float>(y) - y0;
        map(y, x) += peak * std::exp(-(dx * dx + dy * dy) / (2 * sigma * sigma));
      }
  }
  return map;
}

}  // namespace testing
}  // namespace persense
