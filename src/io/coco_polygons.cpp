#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "column_runs.hpp"
#include "persense/error.hpp"
#include "persense/io/coco.hpp"

namespace persense::io {

namespace {

constexpr int fineness = 5;

/// Rounded as a cast of v + 1/2 does, for negative values, too.
int rounded(double v) { return static_cast<int>(v + 0.5); }

/// The points of the fine grid that a closed polygon goes through, in its order.
std::vector<Point> border_points(const std::vector<double>& polygon) {
  const std::size_t count = polygon.size() / 2;
  const auto vertex = [&](std::size_t i) {
    return Point{rounded(fineness * polygon[2 * (i % count)]),
                 rounded(fineness * polygon[2 * (i % count) + 1])};
  };
  std::vector<Point> points;
  for (std::size_t i = 0; i < count; ++i) {
    const Point from = vertex(i), to = vertex(i + 1);
    const int dx = std::abs(to.x - from.x), dy = std::abs(to.y - from.y);
    const bool flat = dx >= dy;
    // slopes are taken from the end with the smaller coordinate, so that rounding does not depend
    // on the direction
    const bool backwards = flat ? from.x > to.x : from.y > to.y;
    const Point low = backwards ? to : from, high = backwards ? from : to;
    const int steps = flat ? dx : dy;
    const double slope = steps == 0 ? 0
                         : flat     ? static_cast<double>(high.y - low.y) / dx
                                    : static_cast<double>(high.x - low.x) / dy;
    for (int d = 0; d <= steps; ++d) {
      const int t = backwards ? steps - d : d;
      if (flat)
        points.push_back({low.x + t, rounded(low.y + slope * t)});
      else
        points.push_back({rounded(low.x + slope * t), low.y + t});
    }
  }
  return points;
}

/// Where the mask changes between inside and outside, in column-major order: the border's steps
/// from column to column, of which those at the pixels' own columns count.
std::vector<std::int64_t> changes(const std::vector<double>& polygon, Size size) {
  const std::vector<Point> border = border_points(polygon);
  std::vector<std::int64_t> at;
  for (std::size_t i = 1; i < border.size(); ++i) {
    const Point a = border[i - 1], b = border[i];
    if (a.x == b.x) continue;
    const double x = ((b.x < a.x ? b.x : b.x - 1) + 0.5) / fineness - 0.5;
    if (std::floor(x) != x || x < 0 || x > size.width - 1) continue;
    const double y = (std::min(a.y, b.y) + 0.5) / fineness - 0.5;
    const double row = std::ceil(std::clamp(y, 0.0, static_cast<double>(size.height)));
    at.push_back(static_cast<std::int64_t>(x) * size.height + static_cast<std::int64_t>(row));
  }
  std::sort(at.begin(), at.end());
  return at;
}

void require_polygon(const std::vector<double>& polygon) {
  if (polygon.size() < 6 || polygon.size() % 2 != 0)
    throw InvalidArgument(fmt::format(
        "polygon: got {} values, expected x and y of at least 3 vertices", polygon.size()));
  for (const double v : polygon)
    if (!(std::abs(v) <= 1e6))
      throw InvalidArgument(
          fmt::format("polygon: got the value {:g}, expected finite pixel coordinates", v));
}

}  // namespace

Mask mask_from_polygons(const std::vector<std::vector<double>>& polygons, Size size) {
  std::vector<detail::ColumnRun> runs;
  for (const std::vector<double>& polygon : polygons) {
    require_polygon(polygon);
    std::vector<std::int64_t> at = changes(polygon, size);
    if (at.size() % 2 != 0) at.push_back(size.pixels());
    for (std::size_t i = 0; i + 1 < at.size(); i += 2) runs.emplace_back(at[i], at[i + 1]);
  }
  return detail::mask_of(runs, size);
}

}  // namespace persense::io
