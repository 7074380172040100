// persense/geometry.hpp: sizes, points and boxes. x runs right, y runs down, pixels throughout.
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <string>

namespace persense {

/// Width and height in pixels.
struct Size {
  int width = 0;
  int height = 0;
  std::int64_t pixels() const { return std::int64_t{width} * height; }
  bool operator==(const Size&) const = default;
};

/// "967 x 839": how sizes are written in messages.
inline std::string to_string(Size size) {
  return std::to_string(size.width) + " x " + std::to_string(size.height);
}

/// A pixel: column x, row y, counted from the top-left pixel (0, 0).
struct Point {
  int x = 0;
  int y = 0;
  auto operator<=>(const Point&) const = default;
};

/// A box in continuous pixel coordinates, half-open: it covers x0 <= x < x1, y0 <= y < y1.
/// May reach outside the image (detectors do that).
struct Box {
  float x0 = 0, y0 = 0, x1 = 0, y1 = 0;
  float width() const { return x1 - x0; }
  float height() const { return y1 - y0; }
  float area() const { return std::max(0.0f, width()) * std::max(0.0f, height()); }
  bool operator==(const Box&) const = default;
};

/// A half-open box on the pixel grid: columns x0..x1-1, rows y0..y1-1.
struct PixelBox {
  int x0 = 0, y0 = 0, x1 = 0, y1 = 0;
  int width() const { return x1 - x0; }
  int height() const { return y1 - y0; }
  bool empty() const { return x1 <= x0 || y1 <= y0; }
  std::int64_t area() const { return empty() ? 0 : std::int64_t{width()} * height(); }
  bool contains(Point p) const { return p.x >= x0 && p.x < x1 && p.y >= y0 && p.y < y1; }
  bool operator==(const PixelBox&) const = default;
  explicit operator Box() const {
    return {static_cast<float>(x0), static_cast<float>(y0), static_cast<float>(x1),
            static_cast<float>(y1)};
  }
};

/// The pixels both boxes cover; empty when they are apart.
inline PixelBox intersection(const PixelBox& a, const PixelBox& b) {
  PixelBox c{std::max(a.x0, b.x0), std::max(a.y0, b.y0), std::min(a.x1, b.x1),
             std::min(a.y1, b.y1)};
  return c.empty() ? PixelBox{} : c;
}

/// Intersection over union of two boxes: 0 where they are apart, 1 where they are the same.
inline float iou(const Box& a, const Box& b) {
  const Box common{std::max(a.x0, b.x0), std::max(a.y0, b.y0), std::min(a.x1, b.x1),
                   std::min(a.y1, b.y1)};
  if (!(common.x0 < common.x1 && common.y0 < common.y1)) return 0;
  return common.area() / (a.area() + b.area() - common.area());
}

}  // namespace persense
