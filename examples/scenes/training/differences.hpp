// examples/scenes/training/differences.hpp: whether two classes look different, measured on the
// images that were made of them.
#pragma once

#include <opencv2/core.hpp>
#include <span>
#include <vector>

#include "episode.hpp"

namespace persense::scenes::training {

/// What one sees of an object at a glance.
struct Glance {
  double grey = 0;         ///< mean, 0 to 255
  double red_green = 0;    ///< red less green, -255 to 255
  double blue_yellow = 0;  ///< blue less the mean of the two, -255 to 255
  double texture = 0;      ///< standard deviation of its grey, 0 to 128
  double diameter = 0;     ///< square root of its area, pixels
  double roundness = 0;    ///< shorter over longer axis of its second moments, 0 to 1
  double fullness = 0;     ///< its area over that of an ellipse with the same moments
};

/// One glance for each object that has a label in this image.
/// @param image  CV_8UC3
/// @param labels  CV_16UC1, numbered from 1 to `count` without a gap
std::vector<Glance> glances_of(const cv::Mat& image, const cv::Mat& labels, std::size_t count);

/// Distinct where the classes' means differ by nearly four units together, each unit made of the
/// spread within the classes and of what one just notices. Unknown otherwise, and where fewer than
/// three objects show of a class.
Difference difference_between(std::span<const Glance> a, std::span<const Glance> b);

}  // namespace persense::scenes::training
