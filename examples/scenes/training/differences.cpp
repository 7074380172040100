#include "differences.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace persense::scenes::training {

namespace {

/// Sums over an object's visible pixels.
struct Moments {
  double count = 0, x = 0, y = 0, xx = 0, yy = 0, xy = 0, red = 0, green = 0, blue = 0, squares = 0;
};

Glance glance_of(const Moments& m) {
  const double n = m.count, mean_x = m.x / n, mean_y = m.y / n;
  const double pixel = 1.0 / 12;  // a pixel's own second moment
  const double xx = m.xx / n - mean_x * mean_x + pixel, yy = m.yy / n - mean_y * mean_y + pixel;
  const double xy = m.xy / n - mean_x * mean_y;
  const double half = 0.5 * (xx + yy);
  const double root = std::sqrt(0.25 * (xx - yy) * (xx - yy) + xy * xy);
  const double red = m.red / n, green = m.green / n, blue = m.blue / n;
  Glance g;
  g.grey = (red + green + blue) / 3;
  g.red_green = red - green;
  g.blue_yellow = blue - 0.5 * (red + green);
  g.texture = std::sqrt(std::max(0.0, m.squares / n - g.grey * g.grey));
  g.diameter = std::sqrt(n);
  g.roundness = std::sqrt(std::max(0.0, half - root) / (half + root));
  g.fullness = n / (4 * 3.14159265 * std::sqrt(std::max(1e-6, xx * yy - xy * xy)));
  return g;
}

/// A feature, and what one just notices of it: grey levels, parts of the diameter, ratios.
struct Feature {
  double Glance::*value;
  double noticed;
  bool relative = false;  ///< `noticed` is a part of the mean
};
constexpr std::array<Feature, 7> features{{{&Glance::grey, 9},
                                           {&Glance::red_green, 6},
                                           {&Glance::blue_yellow, 6},
                                           {&Glance::texture, 5},
                                           {&Glance::diameter, 0.10, true},
                                           {&Glance::roundness, 0.07},
                                           {&Glance::fullness, 0.05}}};

constexpr double enough = 3.75;  ///< units; 3 would do, did features not go hand in hand

struct Spread {
  double mean = 0, variance = 0;
};

Spread spread_of(std::span<const Glance> glances, double Glance::*value) {
  double sum = 0, squares = 0;
  for (const Glance& glance : glances)
    sum += glance.*value, squares += glance.*value * glance.*value;
  const double n = static_cast<double>(glances.size()), mean = sum / n;
  return {mean, std::max(0.0, squares / n - mean * mean)};
}

}  // namespace

std::vector<Glance> glances_of(const cv::Mat& image, const cv::Mat& labels, std::size_t count) {
  std::vector<Moments> moments(count);
  for (int y = 0; y < labels.rows; ++y) {
    const auto* label = labels.ptr<std::uint16_t>(y);
    const auto* pixel = image.ptr<std::uint8_t>(y);
    for (int x = 0; x < labels.cols; ++x, pixel += 3) {
      if (label[x] == 0 || label[x] > count) continue;
      Moments& m = moments[label[x] - 1u];
      const double grey = (pixel[0] + pixel[1] + pixel[2]) / 3.0;
      m.count += 1, m.x += x, m.y += y, m.xx += x * x, m.yy += y * y, m.xy += x * y;
      m.red += pixel[0], m.green += pixel[1], m.blue += pixel[2], m.squares += grey * grey;
    }
  }
  std::vector<Glance> glances;
  for (const Moments& m : moments) glances.push_back(glance_of(m));
  return glances;
}

Difference difference_between(std::span<const Glance> a, std::span<const Glance> b) {
  if (a.size() < 3 || b.size() < 3) return Difference::unknown;
  double distance = 0;
  for (const Feature& feature : features) {
    const Spread one = spread_of(a, feature.value), other = spread_of(b, feature.value);
    const double unit = feature.noticed * (feature.relative ? 0.5 * (one.mean + other.mean) : 1.0);
    const double step = one.mean - other.mean;
    distance += step * step / (0.5 * (one.variance + other.variance) + unit * unit);
  }
  return distance >= enough * enough ? Difference::distinct : Difference::unknown;
}

}  // namespace persense::scenes::training
