#include "outlines.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <utility>

namespace persense::io::detail {

namespace {

// right, down, left, up: the object lies to the right of each step
constexpr Point steps[4] = {{1, 0}, {0, 1}, {-1, 0}, {0, -1}};
constexpr unsigned right = 0;
constexpr unsigned visited = 1u << 4;

/// The border's steps from each corner of the mask's pixels, as bits 1 << direction.
cv::Mat1b steps_from_corners(MaskView mask) {
  cv::Mat1b inside;
  cv::copyMakeBorder(mask.mat(), inside, 1, 1, 1, 1, cv::BORDER_CONSTANT, cv::Scalar(0));
  cv::Mat1b corners(mask.height + 1, mask.width + 1);
  for (int y = 0; y <= mask.height; ++y)
    for (int x = 0; x <= mask.width; ++x) {
      const bool up_left = inside(y, x) != 0, up_right = inside(y, x + 1) != 0;
      const bool down_left = inside(y + 1, x) != 0, down_right = inside(y + 1, x + 1) != 0;
      const int leaving = int{down_right && !up_right} | int{down_left && !down_right} << 1 |
                          int{up_left && !down_left} << 2 | int{up_right && !up_left} << 3;
      corners(y, x) = static_cast<std::uint8_t>(leaving);
    }
  return corners;
}

/// Follows one border from a step to the right, and marks its steps to the right.
Ring follow(cv::Mat1b& corners, Point start) {
  Ring ring;
  Point at = start;
  unsigned direction = right, before = direction + 1;
  do {
    std::uint8_t& leaving = corners(at.y, at.x);
    if (direction == right) leaving |= visited;
    if (direction != before) ring.push_back(at);
    before = direction;
    at = {at.x + steps[direction].x, at.y + steps[direction].y};
    // left first: two parts that touch at a corner are one 8-connected part
    direction = (before + 3) % 4;
    while ((corners(at.y, at.x) >> direction & 1) == 0) direction = (direction + 1) % 4;
  } while (at != start || direction != right);
  return ring;
}

double squared_distance(Point a, Point b) {
  return std::pow(a.x - b.x, 2) + std::pow(a.y - b.y, 2);
}

/// Of a point from a line between two others.
double distance(Point p, Point a, Point b) {
  const double along_x = b.x - a.x, along_y = b.y - a.y, squared = squared_distance(a, b);
  const double projected = (p.x - a.x) * along_x + (p.y - a.y) * along_y;
  const double t = squared > 0 ? std::clamp(projected / squared, 0.0, 1.0) : 0.0;
  return std::hypot(p.x - a.x - t * along_x, p.y - a.y - t * along_y);
}

/// The first of the points begin <= i < end of which a value is largest.
template <class Value>
std::size_t largest(std::size_t begin, std::size_t end, Value value) {
  std::size_t best = begin;
  double most = value(begin);
  for (std::size_t i = begin + 1; i < end; ++i)
    if (const double v = value(i); v > most) most = v, best = i;
  return best;
}

/// Twice the area inside: above 0 clockwise, as outer borders run.
std::int64_t twice_area(const Ring& ring) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < ring.size(); ++i) {
    const Point a = ring[i], b = ring[(i + 1) % ring.size()];
    sum += std::int64_t{a.x} * b.y - std::int64_t{b.x} * a.y;
  }
  return sum;
}

/// The ring from a corner that is far from its middle, which any simplification keeps.
Ring from_far_corner(Ring ring) {
  double x = 0, y = 0;
  for (const Point p : ring) x += p.x, y += p.y;
  x /= static_cast<double>(ring.size());
  y /= static_cast<double>(ring.size());
  const std::size_t first = largest(0, ring.size(), [&](std::size_t i) {
    return std::pow(ring[i].x - x, 2) + std::pow(ring[i].y - y, 2);
  });
  std::rotate(ring.begin(), ring.begin() + static_cast<std::ptrdiff_t>(first), ring.end());
  return ring;
}

cv::Mat bits_of(const Mask& mask) {
  return {mask.box.height(), mask.box.width(), CV_8UC1,
          const_cast<std::uint8_t*>(mask.bits.data())};
}

void move_by(Ring& ring, int x, int y) {
  for (Point& p : ring) p = {p.x + x, p.y + y};
}

}  // namespace

std::vector<Ring> outlines(MaskView mask) {
  cv::Mat1b corners = steps_from_corners(mask);
  std::vector<Ring> rings;
  for (int y = 0; y < corners.rows; ++y)
    for (int x = 0; x < corners.cols; ++x)
      // every border has a step to the right
      if ((corners(y, x) & (visited | 1u << right)) == 1u << right)
        rings.push_back(follow(corners, {x, y}));
  return rings;
}

std::vector<Ring> outlines_of(const Mask& mask) {
  if (mask.empty()) return {};
  std::vector<Ring> rings = outlines(MaskView(bits_of(mask)));
  for (Ring& ring : rings) move_by(ring, mask.box.x0, mask.box.y0);
  return rings;
}

std::vector<Part> parts_of(const Mask& mask) {
  if (mask.empty()) return {};
  constexpr int four_connected = 4;
  cv::Mat1i labels, boxes;
  cv::Mat1d centres;
  const int count = cv::connectedComponentsWithStats(bits_of(mask), labels, boxes, centres,
                                                     four_connected, CV_32S);
  std::vector<Part> parts;
  for (int label = 1; label < count; ++label) {  // 0 is what is outside
    const cv::Rect box(boxes(label, cv::CC_STAT_LEFT), boxes(label, cv::CC_STAT_TOP),
                       boxes(label, cv::CC_STAT_WIDTH), boxes(label, cv::CC_STAT_HEIGHT));
    const cv::Mat part = labels(box) == label;
    for (Ring& ring : parts.emplace_back(outlines(MaskView(part))))
      move_by(ring, mask.box.x0 + box.x, mask.box.y0 + box.y);
  }
  return parts;
}

Ring simplified(const Ring& ring, double tolerance) {
  if (!(tolerance > 0) || ring.size() <= 4) return ring;
  const Ring points = from_far_corner(ring);
  const std::size_t count = points.size();
  const auto at = [&](std::size_t i) { return points[i % count]; };
  // two far points cut the ring into two lines
  const std::size_t half =
      largest(0, count, [&](std::size_t i) { return squared_distance(at(i), at(0)); });
  std::vector<bool> keep(count, false);
  keep[0] = keep[half] = true;
  std::vector<std::pair<std::size_t, std::size_t>> lines{{0, half}, {half, count}};
  while (!lines.empty()) {
    const auto [a, b] = lines.back();
    lines.pop_back();
    if (b - a < 2) continue;
    const auto apart = [&, a = a, b = b](std::size_t i) { return distance(at(i), at(a), at(b)); };
    const std::size_t furthest = largest(a + 1, b, apart);
    if (apart(furthest) <= tolerance) continue;
    keep[furthest] = true;
    lines.insert(lines.end(), {{a, furthest}, {furthest, b}});
  }
  if (std::count(keep.begin(), keep.end(), true) < 3)
    keep[largest(0, count, [&](std::size_t i) { return distance(at(i), at(0), at(half)); })] = true;
  Ring kept;
  for (std::size_t i = 0; i < count; ++i)
    if (keep[i]) kept.push_back(points[i]);
  return kept;
}

std::vector<Ring> polygons_of(const Mask& mask, double tolerance) {
  constexpr std::int64_t tenths = 10;
  if (mask.empty()) return {};
  std::vector<Ring> polygons;
  for (const Ring& ring : outlines(MaskView(bits_of(mask)))) {
    const std::int64_t area = twice_area(ring);
    if (area <= 0) continue;  // a hole
    Ring fewer = simplified(ring, tolerance);
    const bool keeps_shape = tenths * std::abs(twice_area(fewer) - area) <= area;
    polygons.push_back(keeps_shape ? std::move(fewer) : ring);
    move_by(polygons.back(), mask.box.x0, mask.box.y0);
  }
  return polygons;
}

}  // namespace persense::io::detail
