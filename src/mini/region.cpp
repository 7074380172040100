#include "region.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>
#include <vector>

namespace persense::mini {

double equivalent_diameter(double area) { return std::sqrt(4 * area / std::numbers::pi); }

Outline outline_of(const cv::Mat& mask) {
  const cv::Moments moments = cv::moments(mask, /*binaryImage=*/true);
  const double area = std::max(moments.m00, 1.0);
  const double xx = moments.mu20 / area + 1.0 / 12, yy = moments.mu02 / area + 1.0 / 12;
  const double xy = moments.mu11 / area;
  const double root = std::sqrt((xx - yy) * (xx - yy) / 4 + xy * xy);
  const double ratio = std::sqrt(std::max((xx + yy) / 2 - root, 0.0) / ((xx + yy) / 2 + root));
  std::vector<std::vector<cv::Point>> outlines;
  cv::findContours(mask, outlines, cv::RETR_EXTERNAL, cv::CHAIN_APPROX_NONE);
  std::vector<cv::Point> points, hull;
  double perimeter = 0, filled = 0;
  for (const auto& outline : outlines) {
    points.insert(points.end(), outline.begin(), outline.end());
    const double length = cv::arcLength(outline, true);
    perimeter += length;
    // outlines run through the middles of pixels: half a pixel is missing all round
    filled += cv::contourArea(outline) + length / 2 + 1;
  }
  cv::convexHull(points, hull);
  const cv::Size2f least = cv::minAreaRect(points).size;
  const double numbers[shape_length] = {
      1 - ratio,
      area / (cv::contourArea(hull) + cv::arcLength(hull, true) / 2 + 1),
      area / ((double{least.width} + 1) * (double{least.height} + 1)),
      std::min(4 * std::numbers::pi * filled / std::pow(perimeter + std::numbers::pi, 2), 1.0),
      std::max(0.0, 1 - area / filled),
      std::log2(equivalent_diameter(area) / 20)};
  Outline outline{{}, area};
  std::transform(numbers, numbers + shape_length, outline.numbers.begin(),
                 [](double n) { return static_cast<float>(n); });
  return outline;
}

Description describe(const Region& region, const Pyramid& pyramid, const cv::Matx23d& to_image) {
  const cv::Rect& box = region.box;
  const Outline outline = outline_of(region.mask);
  const double side = 1.2 * std::max(box.width, box.height) + 2;
  const double x = box.x + (box.width - 1) / 2.0, y = box.y + (box.height - 1) / 2.0;
  Description out;
  out.square = {static_cast<float>(x), static_cast<float>(y), static_cast<float>(side), 1.0f, 0.0f};
  out.shape = outline.numbers;
  const double scale = std::sqrt(to_image(0, 0) * to_image(1, 1));
  out.size =
      static_cast<float>(std::log2(std::max(equivalent_diameter(outline.area) * scale, 0.5)));
  const double step = static_cast<double>(out.square[2]) / crop_side;
  const double first = step * (crop_side - 1) / 2.0;
  const cv::Matx23d to_level(step, 0, x - first, 0, step, y - first);
  out.crop = pyramid.view(crop_side, composed(to_image, to_level));
  cv::Matx23d to_mask = to_level;
  to_mask(0, 2) -= box.x;
  to_mask(1, 2) -= box.y;
  cv::warpAffine(region.mask * 255, out.cover, to_mask, {crop_side, crop_side},
                 cv::INTER_LINEAR | cv::WARP_INVERSE_MAP);
  return out;
}

}  // namespace persense::mini
