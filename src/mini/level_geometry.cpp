#include "level_geometry.hpp"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "persense/detail/marks.hpp"

namespace persense::mini {

cv::Point2d transformed(const cv::Matx23d& map, cv::Point2d p) {
  return {map(0, 0) * p.x + map(0, 1) * p.y + map(0, 2),
          map(1, 0) * p.x + map(1, 1) * p.y + map(1, 2)};
}

bool holds(const Region& region, cv::Point at) {
  return region.box.contains(at) && region.mask.at<std::uint8_t>(at - region.box.tl()) != 0;
}

cv::Matx23d inverse(const cv::Matx23d& map) {
  cv::Matx23d out;
  cv::invertAffineTransform(map, out);
  return out;
}

PixelBox image_box(const cv::Rect& of, const cv::Matx23d& to_image, cv::Size image) {
  const cv::Point2d first = transformed(to_image, {of.x - 0.5, of.y - 0.5});
  const cv::Point2d last = transformed(to_image, {of.x + of.width - 0.5, of.y + of.height - 0.5});
  const auto side = [](double v, int most) {
    return std::clamp(static_cast<int>(std::floor(v)), 0, most);
  };
  return {side(first.x + 0.5, image.width), side(first.y + 0.5, image.height),
          side(std::ceil(last.x + 0.5), image.width), side(std::ceil(last.y + 0.5), image.height)};
}

Region region_of(const Mask& mask) {
  Region region;
  if (mask.empty()) return region;
  region.box = cv::Rect(mask.box.x0, mask.box.y0, mask.box.width(), mask.box.height());
  region.mask =
      cv::Mat(region.box.size(), CV_8UC1, const_cast<std::uint8_t*>(mask.bits.data())).clone();
  return region;
}

Region resampled(const Mask& mask, const cv::Matx23d& to_image, const cv::Rect& within) {
  const cv::Matx23d to_grid = inverse(to_image);
  const auto& b = mask.box;
  const cv::Point2d first = transformed(to_grid, {b.x0 - 0.5, b.y0 - 0.5});
  const cv::Point2d last = transformed(to_grid, {b.x1 - 0.5, b.y1 - 0.5});
  const cv::Rect near = cv::Rect(cv::Point(static_cast<int>(std::floor(first.x)),
                                           static_cast<int>(std::floor(first.y))),
                                 cv::Point(static_cast<int>(std::ceil(last.x)) + 1,
                                           static_cast<int>(std::ceil(last.y)) + 1)) &
                        within;
  Region region;
  const cv::Mat bits(b.height(), b.width(), CV_8UC1, const_cast<std::uint8_t*>(mask.bits.data()));
  if (!near.empty()) {
    cv::Matx23d to_bits = composed(to_image, {1, 0, double(near.x), 0, 1, double(near.y)});
    to_bits(0, 2) -= b.x0;
    to_bits(1, 2) -= b.y0;
    cv::Mat seen;
    cv::warpAffine(bits, seen, to_bits, near.size(), cv::INTER_NEAREST | cv::WARP_INVERSE_MAP);
    region = region_of(crop_to_box(MaskView(seen), {near.x, near.y}));
    if (!region.mask.empty()) return region;
  }
  const cv::Point2d middle =
      transformed(to_grid, {(b.x0 + b.x1 - 1) / 2.0, (b.y0 + b.y1 - 1) / 2.0});
  region.box = cv::Rect(
      std::clamp(static_cast<int>(std::lround(middle.x)), within.x, within.x + within.width - 1),
      std::clamp(static_cast<int>(std::lround(middle.y)), within.y, within.y + within.height - 1),
      1, 1);
  region.mask = cv::Mat::ones(1, 1, CV_8UC1);
  return region;
}

cv::Rect patch_about(const Region& region, cv::Size level) {
  constexpr int side = patch_side, step = 8;
  const auto corner = [](double middle, int length) {
    const int at = static_cast<int>(std::lrint((middle - side / 2.0) / step)) * step;
    return std::clamp(at, 0, std::max(length - side, 0) / step * step);
  };
  const cv::Rect& b = region.box;
  const int x = corner(b.x + (b.width - 1) / 2.0, level.width);
  const int y = corner(b.y + (b.height - 1) / 2.0, level.height);
  return {x, y, std::min(side, level.width - x), std::min(side, level.height - y)};
}

cv::Mat mask_in(const Region& region, const cv::Rect& part) {
  cv::Mat mask = cv::Mat::zeros(part.size(), CV_8UC1);
  const cv::Rect common = region.box & part;
  if (!common.empty()) region.mask(common - region.box.tl()).copyTo(mask(common - part.tl()));
  return mask;
}

PixelBox extent_of(const Level& level, cv::Size image) {
  return image_box(cv::Rect({}, level.size), level.to_image, image);
}

void clear_region(cv::Mat& cells, const Level& level, const Region& region, const Level& other) {
  const cv::Matx23d there = composed(inverse(other.to_image), level.to_image);
  const cv::Matx23d here = inverse(there);
  constexpr int beside = map_stride;
  const cv::Point2d first = transformed(here, cv::Point2d(region.box.tl()));
  const cv::Point2d last = transformed(here, cv::Point2d(region.box.br()));
  const auto cell = [](double at) { return static_cast<int>(std::floor(at / map_stride)); };
  const cv::Rect near = cv::Rect(cv::Point(cell(first.x) - 1, cell(first.y) - 1),
                                 cv::Point(cell(last.x) + 2, cell(last.y) + 2)) &
                        cv::Rect({}, cells.size());
  const auto is_in = [&](double x, double y) {
    const cv::Point2d p = transformed(there, {x, y});
    return holds(region, {static_cast<int>(std::lround(p.x)), static_cast<int>(std::lround(p.y))});
  };
  for (int y = near.y; y < near.y + near.height; ++y)
    for (int x = near.x; x < near.x + near.width; ++x)
      for (const int down : {-1, 0, 1})
        for (const int right : {-1, 0, 1})
          if (is_in(map_stride * x + 0.5 + beside * right, map_stride * y + 0.5 + beside * down))
            cells.at<std::uint8_t>(y, x) = 0;
}

RefinedRegion refinement_of(const MappedLevel& mapped, const Region& region) {
  const cv::Size size = mapped.level->pixels.size();
  const auto corner = [](int begin, int length, int most) {
    const double middle = begin + (length - 1) / 2.0;
    const int even = static_cast<int>(std::lrint((middle - refine_side / 2.0) / 2)) * 2;
    return std::clamp(even, 0, most - refine_side);
  };
  return {&mapped, &region,
          cv::Point(corner(region.box.x, region.box.width, size.width),
                    corner(region.box.y, region.box.height, size.height))};
}

Box box_of(const Region& region, const cv::Matx23d& to_image) {
  const cv::Rect& b = region.box;
  const cv::Point2d first = transformed(to_image, {b.x - 0.5, b.y - 0.5});
  const cv::Point2d last = transformed(to_image, {b.x + b.width - 0.5, b.y + b.height - 0.5});
  return {static_cast<float>(first.x + 0.5), static_cast<float>(first.y + 0.5),
          static_cast<float>(last.x + 0.5), static_cast<float>(last.y + 0.5)};
}

float iou_of(const Region& a, const Region& b) {
  const cv::Rect common = a.box & b.box;
  const int shared =
      common.empty() ? 0
                     : cv::countNonZero(a.mask(common - a.box.tl()) & b.mask(common - b.box.tl()));
  const int both = cv::countNonZero(a.mask) + cv::countNonZero(b.mask) - shared;
  return static_cast<float>(shared) / static_cast<float>(std::max(both, 1));
}

Region ellipse_region(const Box& box, cv::Size level) {
  const cv::Mat drawn = detail::ellipse_in(box, {level.width, level.height});
  const PixelBox tight = tight_box(MaskView(drawn));
  Region region;
  region.box = {tight.x0, tight.y0, tight.width(), tight.height()};
  region.mask = drawn(region.box) / 255;
  return region;
}

}  // namespace persense::mini
