// Masks that are hard to outline, and what outlines enclose.
#pragma once

#include <cstdint>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "persense/detail/marks.hpp"
#include "scratch.hpp"

namespace persense::test {

/// A closed polygon's corners.
using Corners = std::vector<cv::Point2d>;

/// The mask of a picture made of text, whose first letter is the pixel `first`: '#' is inside.
inline Mask drawn(Point first, const std::vector<std::string>& rows) {
  cv::Mat1b bits(static_cast<int>(rows.size()), static_cast<int>(rows.front().size()));
  for (int y = 0; y < bits.rows; ++y)
    for (int x = 0; x < bits.cols; ++x)
      bits(y, x) = rows[static_cast<std::size_t>(y)][static_cast<std::size_t>(x)] == '#' ? 1 : 0;
  return crop_to_box(MaskView(bits), first);
}

/// One pixel, a hole, two parts, a corner in common, ends that meet at a corner, the image's
/// corner.
inline Result hard_shapes() {
  Result result;
  result.image_size = {40, 30};
  for (const Mask& mask :
       {drawn({3, 4}, {"#"}), drawn({10, 5}, {"####", "#..#", "#..#", "####"}),
        drawn({20, 5}, {"##..#", "##..#", "....#"}), drawn({5, 15}, {"##..", "##..", "..##"}),
        drawn({15, 15}, {"####", "#..#", "#..#", "###."}),
        drawn({25, 15}, {"#####", "#...#", "#.#.#", "#...#", "#####"}),
        drawn({36, 26}, {".###", "####", "####", "####"})}) {
    Instance instance;
    instance.mask = mask;
    instance.box = static_cast<Box>(mask.box);
    result.instances.push_back(instance);
  }
  result.instances.back().touches_border = true;
  result.classes = {class_result("bean", result.count())};
  return result;
}

/// Masks of noise, in the same image.
inline std::vector<Mask> noise(int count) {
  cv::RNG random(11);
  std::vector<Mask> masks;
  while (static_cast<int>(masks.size()) < count) {
    cv::Mat1b bits(random.uniform(1, 12), random.uniform(1, 12));
    const double share = random.uniform(0.0, 1.0);
    for (std::uint8_t& bit : bits) bit = random.uniform(0.0, 1.0) < share ? 1 : 0;
    if (Mask mask = crop_to_box(MaskView(bits), {random.uniform(0, 28), random.uniform(0, 18)});
        !mask.empty())
      masks.push_back(std::move(mask));
  }
  return masks;
}

/// A result of one class with these masks.
inline Result result_of(const std::vector<Mask>& masks, Size size = {40, 30}) {
  Result result;
  result.image_size = size;
  for (const Mask& mask : masks) {
    Instance instance;
    instance.mask = mask;
    result.instances.push_back(instance);
  }
  result.classes = {class_result("", masks.size())};
  return result;
}

/// The whole image's bits of a mask, 0 or 255.
inline cv::Mat1b spread(const Mask& mask, Size size) {
  cv::Mat1b bits(size.height, size.width, std::uint8_t{0});
  for (int y = mask.box.y0; y < mask.box.y1; ++y)
    for (int x = mask.box.x0; x < mask.box.x1; ++x) bits(y, x) = mask.contains({x, y}) ? 255 : 0;
  return bits;
}

/// The pixels whose centres are inside of an odd number of polygons.
inline cv::Mat1b filled(const std::vector<Corners>& rings, Size size) {
  cv::Mat1b inside(size.height, size.width, std::uint8_t{0});
  for (const Corners& ring : rings) {
    Polygon polygon;
    for (const cv::Point2d& p : ring)
      polygon.vertices.push_back({static_cast<float>(p.x), static_cast<float>(p.y)});
    inside ^= persense::detail::filled(polygon, size);
  }
  return inside;
}

inline bool same(const cv::Mat1b& a, const cv::Mat1b& b) {
  return a.size() == b.size() && cv::countNonZero(a != b) == 0;
}

/// What a ring encloses, above 0 where it runs clockwise as seen.
inline double area_of(const Corners& ring) {
  double twice = 0;
  for (std::size_t i = 0; i < ring.size(); ++i) twice += ring[i].cross(ring[(i + 1) % ring.size()]);
  return twice / 2;
}

}  // namespace persense::test
