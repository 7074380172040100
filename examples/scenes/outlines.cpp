#include "styles.hpp"

namespace persense::scenes::detail {
namespace {

/// Noise along a closed outline: the noise is sampled on a circle, so it has no seam.
float rim_noise(const Body& body, float u, float v, float radius, float frequency) {
  const float inverse = 1 / std::max(radius, 1e-3f);
  const float x = u * inverse * frequency + 31.7f, y = v * inverse * frequency + 11.3f;
  // Fades out towards the middle, where the direction turns fast.
  return body.roughness * fractal_noise(x, y, 2, body.seed) * std::min(1.0f, 2 * radius);
}

float ellipse_value(const Body& body, float u, float v) {
  const float x = u / body.half_length, y = v / body.half_width;
  const float radius = std::sqrt(x * x + y * y);
  if (body.roughness == 0) return radius - 1;
  return radius - 1 - rim_noise(body, x, y, radius, 1.1f);
}

/// Between an ellipse and a superellipse of exponent 4, with noise: a worn stone.
float stone_value(const Body& body, float u, float v) {
  const float x = u / body.half_length, y = v / body.half_width;
  const float xx = x * x, yy = y * y;
  const float radius = std::sqrt(xx + yy);
  const float square = std::sqrt(std::sqrt(xx * xx + yy * yy));
  return 0.6f * radius + 0.4f * square - 1 - rim_noise(body, x, y, radius, 0.9f);
}

/// An ellipse with blunt ends whose middle line is a parabola; the hollow side is v < 0.
float bean_value(const Body& body, float u, float v) {
  const float x = u / body.half_length, y = (v + body.bend * (u * u - 0.35f)) / body.half_width;
  const float xx = x * x, yy = y * y;
  const float radius = std::sqrt(xx + yy);
  return 0.65f * radius + 0.35f * std::sqrt(std::sqrt(xx * xx + yy * yy)) - 1;
}

float capsule_value(const Body& body, float u, float v) {
  const float straight = body.half_length - body.half_width;
  const float x = std::max(0.0f, std::abs(u) - straight);
  return std::sqrt(x * x + v * v) / body.half_width - 1;
}

float hexagon_ring_value(const Body& body, float u, float v) {
  const float x = std::abs(u), y = std::abs(v);
  const float radius = std::sqrt(u * u + v * v);
  const float hexagon = std::max(y, 0.8660254f * x + 0.5f * y) - 0.88f;  // 0.88: across flats
  const float chamfer = radius - 0.99f;  // turned corners, as on real nuts
  return std::max(std::max(hexagon, chamfer), body.half_width - radius) / 0.2f;
}

/// A blade between two parabolas, and a thin stalk beyond u = -1.
float leaf_value(const Body& body, float u, float v) {
  const float wave = 0.05f * body.roughness * value_noise(u * 9, v > 0 ? 3.0f : 9.0f, body.seed);
  const float width = body.half_width * ((1 - u * u) * (1 - 0.35f * u) + wave);
  const float blade = (std::abs(v - body.bend * (u * u - 0.4f)) - width) / body.half_width;
  const float along = std::max(0.0f, std::abs(u + 1.15f) - 0.2f);
  const float across = v - body.bend * (u * u - 0.4f);
  const float stalk = (std::sqrt(along * along + across * across) - 0.032f) / body.half_width;
  return std::min(blade, stalk);
}

}  // namespace

float outline_value(const Body& body, float u, float v) {
  switch (body.outline) {
    case Outline::ellipse:
      return ellipse_value(body, u, v);
    case Outline::bean:
      return bean_value(body, u, v);
    case Outline::capsule:
      return capsule_value(body, u, v);
    case Outline::hexagon_ring:
      return hexagon_ring_value(body, u, v);
    case Outline::leaf:
      return leaf_value(body, u, v);
    case Outline::stone:
      return stone_value(body, u, v);
  }
  return 1.0f;
}

}  // namespace persense::scenes::detail
