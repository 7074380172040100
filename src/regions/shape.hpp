// shape.hpp (private): how object-like a region's shape and size are.
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

namespace persense::regions {

/// Sums over a region's pixels from which its area, position and shape follow. Regions add up.
struct ShapeMoments {
  double area = 0, x = 0, y = 0, xx = 0, yy = 0, xy = 0;

  void add(int px, int py) {
    const double u = px, v = py;
    area += 1, x += u, y += v, xx += u * u, yy += v * v, xy += u * v;
  }
  ShapeMoments& operator+=(const ShapeMoments& o) {
    area += o.area, x += o.x, y += o.y, xx += o.xx, yy += o.yy, xy += o.xy;
    return *this;
  }
  friend ShapeMoments operator+(ShapeMoments a, const ShapeMoments& b) { return a += b; }

  /// Area over the area of the ellipse with the same second moments: 1 for an ellipse of any
  /// elongation, less for anything concave, hollow or angular.
  double ellipse_likeness() const {
    constexpr double pixel_variance = 1.0 / 12;  // of a unit square
    const double vx = xx / area - (x / area) * (x / area) + pixel_variance;
    const double vy = yy / area - (y / area) * (y / area) + pixel_variance;
    const double vxy = xy / area - (x / area) * (y / area);
    return area / (4 * std::numbers::pi * std::sqrt(std::max(vx * vy - vxy * vxy, 1e-3)));
  }
};

/// Scores a region by shape and size, 0..1.
struct ShapePrior {
  double typical_area = 1;  ///< pixels
  /// Deviation of the log-normal size prior: 2.5 times the diameter costs half.
  double size_spread = 1.5;
  double ellipse_power = 12;  ///< how fast the score falls with ellipse-likeness

  double size(double area) const {
    const double deviation = std::log(std::max(area, 1.0) / typical_area) / size_spread;
    return std::exp(-0.5 * deviation * deviation);
  }
  double shape(const ShapeMoments& region) const {
    constexpr double digitised_ellipse = 0.97;  // what ellipses of some tens of pixels measure
    return std::pow(std::min(1.0, region.ellipse_likeness() / digitised_ellipse), ellipse_power);
  }
  double operator()(const ShapeMoments& region) const { return shape(region) * size(region.area); }
};

}  // namespace persense::regions
