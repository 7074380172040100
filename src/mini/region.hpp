// region.hpp (private): regions that may be objects, and what describes them.
#pragma once

#include <array>
#include <opencv2/core.hpp>

#include "levels.hpp"
#include "pyramid.hpp"

namespace persense::mini {

/// Diameter of a disc of this area, in double as training computes it (persense's own is a float).
double equivalent_diameter(double area);

/// The numbers that describe an outline, as training has them: elongation, solidity, part of the
/// least rectangle, roundness, part that is holes, size.
struct Outline {
  std::array<float, shape_length> numbers;
  double area;  ///< pixels
};
/// @param mask  CV_8UC1 of 0 and 1, at least one of them 1.
Outline outline_of(const cv::Mat& mask);

/// A region of a level that may be an object.
struct Region {
  cv::Rect box;      ///< tight, in pixels of the level
  cv::Mat mask;      ///< CV_8UC1 of 0 and 1, as large as the box
  cv::Point2f peak;  ///< of the density, pixels of the level
  double mass = 0;   ///< of the density about the peak, objects: one at least
};

/// What is said of a region: see Region and persense_training.candidates.
struct Description {
  std::array<float, 5> square;  ///< x, y of the middle, side, cosine and sine of its turn
  std::array<float, shape_length> shape;
  float size;     ///< log2 of the equivalent diameter in pixels of the image
  cv::Mat crop;   ///< the square's pixels: CV_8UC3, crop_side each way
  cv::Mat cover;  ///< the mask there: CV_8UC1, 0 to 255
};

/// @param to_image  x, y of the level's pixels to those of the image.
Description describe(const Region& region, const Pyramid& pyramid, const cv::Matx23d& to_image);

}  // namespace persense::mini
