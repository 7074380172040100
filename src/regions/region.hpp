// region.hpp (private): an image divided into object-like regions.
#pragma once

#include <opencv2/core.hpp>
#include <vector>

#include "persense/geometry.hpp"

namespace persense::regions {

/// A region that may be an object.
struct Region {
  PixelBox box;
  double area = 0;          ///< pixels
  double score = 0;         ///< how much it looks like an object of the expected class, 0..1
  Point core;               ///< its most interior pixel
  bool odd_colour = false;  ///< its colour is far from the support's: no exemplar to learn from
};

/// Regions that do not overlap.
struct Segmentation {
  cv::Mat labels;    ///< CV_32SC1: index into `regions` + 1, 0 = background
  cv::Mat interior;  ///< CV_32FC1: depth below the foreground's edge, smoothed
  std::vector<Region> regions;
};

}  // namespace persense::regions
