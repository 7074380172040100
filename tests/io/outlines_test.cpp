// The border of a mask along the edges of its pixels, and what is left of it within a tolerance.
#include "io/outlines.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <opencv2/core.hpp>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "persense/detail/marks.hpp"

using namespace persense;
using io::detail::outlines;
using io::detail::Ring;
using io::detail::simplified;

namespace {

/// Twice the area inside, positive where the ring runs clockwise as seen.
int area2(const Ring& ring) {
  int sum = 0;
  for (std::size_t i = 0; i < ring.size(); ++i) {
    const Point a = ring[i], b = ring[(i + 1) % ring.size()];
    sum += a.x * b.y - a.y * b.x;
  }
  return sum;
}

Polygon polygon_of(const Ring& ring) {
  Polygon polygon;
  for (const Point p : ring)
    polygon.vertices.push_back({static_cast<float>(p.x), static_cast<float>(p.y)});
  return polygon;
}

/// How far a point is from a ring.
double distance(Point p, const Ring& ring) {
  double nearest = std::numeric_limits<double>::max();
  for (std::size_t i = 0; i < ring.size(); ++i) {
    const Point a = ring[i], b = ring[(i + 1) % ring.size()];
    const double dx = b.x - a.x, dy = b.y - a.y;
    const double t =
        std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / (dx * dx + dy * dy), 0.0, 1.0);
    nearest = std::min(nearest, std::hypot(p.x - a.x - t * dx, p.y - a.y - t * dy));
  }
  return nearest;
}

}  // namespace

TEST_CASE("outlines: what is inside of all of them is the mask", "[outlines]") {
  cv::RNG random(5);
  for (int trial = 0; trial < 300; ++trial) {
    cv::Mat1b mask(random.uniform(1, 12), random.uniform(1, 12));
    const double share = random.uniform(0.0, 1.0);
    for (std::uint8_t& bit : mask) bit = random.uniform(0.0, 1.0) < share ? 255 : 0;
    cv::Mat inside = cv::Mat::zeros(mask.size(), CV_8UC1);
    int enclosed = 0;
    for (const Ring& ring : outlines(MaskView(mask))) {
      inside ^= detail::filled(polygon_of(ring), {mask.cols, mask.rows});
      enclosed += area2(ring);
    }
    CHECK(cv::countNonZero(inside != mask) == 0);
    CHECK(enclosed == 2 * cv::countNonZero(mask));
  }
}

TEST_CASE("outlines: outer borders are clockwise, holes are not", "[outlines]") {
  cv::Mat1b mask(5, 6, std::uint8_t{1});
  mask(2, 2) = mask(2, 3) = 0;
  const auto rings = outlines(MaskView(mask));
  REQUIRE(rings.size() == 2);
  CHECK(rings[0] == Ring{{0, 0}, {6, 0}, {6, 5}, {0, 5}});
  CHECK(area2(rings[1]) == -4);
}

TEST_CASE("outlines: parts that touch at a corner are one part", "[outlines]") {
  CHECK(outlines(MaskView(cv::Mat1b::eye(4, 4))).size() == 1);
  CHECK(outlines(MaskView(cv::Mat1b((cv::Mat1b(1, 3) << 1, 0, 1)))).size() == 2);
}

TEST_CASE("simplified outlines stay within the tolerance", "[outlines]") {
  cv::Mat1b mask(60, 80, std::uint8_t{0});
  for (int y = 0; y < mask.rows; ++y)
    for (int x = 0; x < mask.cols; ++x)
      mask(y, x) = std::hypot((x - 40) / 1.3, y - 30) < 20 + 4 * std::sin(0.4 * x) ? 1 : 0;
  const Ring ring = outlines(MaskView(mask)).front();
  CHECK(simplified(ring, 0) == ring);
  for (const double tolerance : {0.5, 1.0, 2.0, 100.0}) {
    const Ring fewer = simplified(ring, tolerance);
    CHECK(fewer.size() >= 3);
    CHECK(fewer.size() < ring.size());
    for (const Point p : ring) CHECK(distance(p, fewer) <= tolerance + 1e-9);
  }
}

TEST_CASE("polygons_of: one for each part, in the image's pixels, without holes", "[outlines]") {
  const Mask mask{{4, 3, 9, 6},
                  {1, 1, 1, 0, 1,  //
                   1, 0, 1, 0, 1,  //
                   1, 1, 1, 0, 1}};
  CHECK(io::detail::polygons_of(mask, 0) ==
        std::vector<Ring>{{{4, 3}, {7, 3}, {7, 6}, {4, 6}}, {{8, 3}, {9, 3}, {9, 6}, {8, 6}}});
  CHECK(io::detail::polygons_of(Mask{}, 0).empty());
}

TEST_CASE("parts_of: pixels that touch at a corner are two parts, a hole belongs to its part",
          "[outlines]") {
  const Mask mask{{4, 3, 8, 7},
                  {1, 1, 1, 0,  //
                   1, 0, 1, 0,  //
                   1, 1, 1, 0,  //
                   0, 0, 0, 1}};
  const auto parts = io::detail::parts_of(mask);
  REQUIRE(parts.size() == 2);
  CHECK(parts[0] == std::vector<Ring>{{{4, 3}, {7, 3}, {7, 6}, {4, 6}},  //
                                      {{5, 5}, {6, 5}, {6, 4}, {5, 4}}});
  CHECK(parts[1] == std::vector<Ring>{{{7, 6}, {8, 6}, {8, 7}, {7, 7}}});
  CHECK(io::detail::outlines_of(mask).size() == 2);  // 8-connected: one part and its hole
  CHECK(io::detail::parts_of(Mask{}).empty());
  CHECK(io::detail::outlines_of(Mask{}).empty());
}

TEST_CASE("polygons_of: parts that a tolerance would change much keep every corner", "[outlines]") {
  const Mask cross{{0, 0, 3, 3}, {0, 1, 0, 1, 1, 1, 0, 1, 0}};
  CHECK(io::detail::polygons_of(cross, 5) == io::detail::polygons_of(cross, 0));
  for (const auto& [width, height] : {std::pair(1, 1), {1, 5}, {2, 2}, {3, 1}}) {
    const std::size_t pixels = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
    const Mask mask{{2, 1, 2 + width, 1 + height}, std::vector<std::uint8_t>(pixels, 1)};
    const auto polygons = io::detail::polygons_of(mask, 0.75);
    REQUIRE(polygons.size() == 1);
    CHECK(cv::countNonZero(detail::filled(polygon_of(polygons[0]), {9, 9})) == width * height);
  }
}
