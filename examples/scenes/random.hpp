// examples/scenes/random.hpp: random numbers, noise and elementary functions that give the same
// bits everywhere.
//
// std::*_distribution, std::sin and std::exp may differ between libraries. What is here uses
// integers, IEEE addition, multiplication, division and square root only, so a seed means one scene
// on every platform (compile with floating-point contraction off, as CMakeLists.txt does).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

namespace persense::scenes::detail {

/// Finaliser of splitmix64: every bit of the result depends on every bit of `x`.
/// @par Source  Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014),
/// section 4.
constexpr std::uint64_t mixed(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15ull;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

/// A splitmix64 generator. Give each object its own, so that one more draw here changes nothing
/// there.
class Random {
 public:
  explicit constexpr Random(std::uint64_t seed) : state_(seed) {}
  /// Stream number `index` for one purpose of one scene.
  constexpr Random(std::uint64_t seed, std::uint64_t purpose, std::uint64_t index)
      : state_(mixed(mixed(mixed(seed) + purpose) + index)) {}

  constexpr std::uint64_t bits() {
    const std::uint64_t result = mixed(state_);
    state_ += 0x9E3779B97F4A7C15ull;
    return result;
  }
  /// In [0, 1), 24 bits fine.
  constexpr float uniform() { return static_cast<float>(bits() >> 40) * 0x1p-24f; }
  constexpr float uniform(float low, float high) { return low + (high - low) * uniform(); }
  /// In 0 .. bound - 1.
  constexpr int below(int bound) {
    return static_cast<int>((bits() >> 32) * static_cast<std::uint64_t>(bound) >> 32);
  }
  /// Mean 0, standard deviation 1, never beyond 6: the sum of twelve uniforms.
  constexpr float normal() {
    float sum = -6.0f;
    for (int i = 0; i < 12; ++i) sum += uniform();
    return sum;
  }

 private:
  std::uint64_t state_;
};

/// Sine of `turns` whole turns (1 is 360 degrees). Error below 1e-5.
inline float sine_of_turns(float turns) {
  float x = turns - std::floor(turns + 0.5f);  // in [-0.5, 0.5)
  if (x > 0.25f) x = 0.5f - x;
  if (x < -0.25f) x = -0.5f - x;
  const float a = 6.28318531f * x,
              square = a * a;  // Taylor polynomial on a quarter turn either side
  return a * (1 + square * (-1.0f / 6 +
                            square * (1.0f / 120 + square * (-1.0f / 5040 + square / 362880))));
}
inline float cosine_of_turns(float turns) { return sine_of_turns(turns + 0.25f); }

/// e to the power -x for x >= 0. Relative error below 1e-4 up to x = 20.
inline float exp_of_minus(float x) {
  const float y = x / 64;
  float power = 1 + y * (1 + y * (0.5f + y * (1.0f / 6 + y / 24)));
  for (int i = 0; i < 6; ++i) power *= power;
  return 1 / power;
}

inline float clamp01(float x) { return std::clamp(x, 0.0f, 1.0f); }

/// 0 up to `low`, 1 from `high` on, smooth between.
inline float smooth_step(float low, float high, float x) {
  const float t = clamp01((x - low) / (high - low));
  return t * t * (3 - 2 * t);
}

/// Uniform bits for a lattice point.
inline std::uint32_t lattice_bits(int x, int y, std::uint32_t seed) {
  std::uint32_t h = seed ^ (static_cast<std::uint32_t>(x) * 0x9E3779B1u) ^
                    (static_cast<std::uint32_t>(y) * 0x85EBCA77u);
  h = (h ^ (h >> 15)) * 0x2C1B3C6Du;
  h = (h ^ (h >> 12)) * 0x297A2D39u;
  return h ^ (h >> 15);
}

/// In [-1, 1) for a lattice point.
inline float lattice_value(int x, int y, std::uint32_t seed) {
  return static_cast<float>(lattice_bits(x, y, seed) >> 8) * 0x1p-23f - 1.0f;
}

/// Smooth noise in [-1, 1] with one feature per unit length.
/// @param period_x, period_y  how many units it repeats after: a power of two, or 0 for never.
inline float value_noise(float x, float y, std::uint32_t seed, int period_x = 0, int period_y = 0) {
  const float floor_x = std::floor(x), floor_y = std::floor(y);
  const int ix = static_cast<int>(floor_x), iy = static_cast<int>(floor_y);
  float tx = x - floor_x, ty = y - floor_y;
  tx = tx * tx * (3 - 2 * tx);
  ty = ty * ty * (3 - 2 * ty);
  const auto value = [&](int px, int py) {
    return lattice_value(px & (period_x - 1), py & (period_y - 1), seed);  // & -1: as it is
  };
  const float top = value(ix, iy) * (1 - tx) + value(ix + 1, iy) * tx;
  const float bottom = value(ix, iy + 1) * (1 - tx) + value(ix + 1, iy + 1) * tx;
  return top * (1 - ty) + bottom * ty;
}

/// Sum of `octaves` value noises, each twice as fine and half as strong; about [-1, 1].
inline float fractal_noise(float x, float y, int octaves, std::uint32_t seed) {
  float sum = 0, weight = 0.55f;
  for (int i = 0; i < octaves; ++i) {
    sum += weight * value_noise(x, y, seed + static_cast<std::uint32_t>(i) * 0x51ED27u);
    // Octaves are turned against each other by a 3-4-5 triangle, so that their lattices do not line
    // up.
    const float turned = 1.6f * x - 1.2f * y + 17.3f;
    y = 1.2f * x + 1.6f * y - 8.1f;
    x = turned;
    weight *= 0.5f;
  }
  return sum;
}

/// A cell of a cellular pattern: the nearest and second nearest feature point, and the nearest
/// one's own bits.
struct CellPoint {
  float nearest = 0.0f;  ///< distance, in cells
  float second = 0.0f;   ///< distance, in cells
  float dx = 0.0f;       ///< offset from the nearest feature point, in cells
  float dy = 0.0f;
  std::uint32_t bits = 0;  ///< one value per cell
};

/// Cellular noise with one feature point per unit square.
/// @param period  how many units it repeats after, either way: a power of two, or 0 for never.
/// @par Source  Worley: A cellular texture basis function (1996).
inline CellPoint cellular_noise(float x, float y, std::uint32_t seed, int period = 0) {
  const int ix = static_cast<int>(std::floor(x)), iy = static_cast<int>(std::floor(y));
  float nearest = 9.0f, second = 9.0f;
  CellPoint result;
  for (int cy = iy - 1; cy <= iy + 1; ++cy) {
    for (int cx = ix - 1; cx <= ix + 1; ++cx) {
      const std::uint32_t bits = lattice_bits(cx & (period - 1), cy & (period - 1), seed);
      const float dx =
          x - (static_cast<float>(cx) + 0.1f + static_cast<float>(bits & 0xFFFFu) * (0.8f / 65536));
      const float dy =
          y - (static_cast<float>(cy) + 0.1f + static_cast<float>(bits >> 16) * (0.8f / 65536));
      const float square = dx * dx + dy * dy;
      if (square < nearest) {
        second = nearest;
        nearest = square;
        result.dx = dx;
        result.dy = dy;
        result.bits = bits;
      } else {
        second = std::min(second, square);
      }
    }
  }
  result.nearest = std::sqrt(nearest);
  result.second = std::sqrt(second);
  return result;
}

}  // namespace persense::scenes::detail
