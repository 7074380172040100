// height_map.hpp (private): segments a height map into object-like regions.
#pragma once

#include <opencv2/core.hpp>
#include <vector>

#include "component_tree.hpp"
#include "regions/region.hpp"

namespace persense::classic {

using regions::Region;
using regions::Segmentation;

/// What an object is expected to look like in a height map.
struct ExpectedObject {
  double area = 0;        ///< pixels
  double height = 0;      ///< mean inside an object
  double contrast = 0;    ///< mean local contrast inside an object
  double background = 0;  ///< height around an object, below its own

  double radius() const;
  /// The height at which a pixel looks as much like background as like an object.
  double neutral() const;
  /// The side of the square that local contrast is measured in.
  int contrast_size() const;

  /// 0 for a region as low as the background, 1 for one nearly as high as the objects.
  double height_score(double mean) const;
  double contrast_score(double mean) const;
};

/// A height map: about 0 in the background, 1 on the clearest objects.
///
/// A component tree proposes components that look like objects, as seeds; the seeds' edges make a
/// local threshold and with it the foreground; a watershed of the foreground's depth divides it too
/// finely; regions are merged again while that makes them more object-like.
class HeightMap {
 public:
  /// @param height  CV_32FC1, continuous. @param object_area  of the expected objects, pixels.
  HeightMap(cv::Mat height, double object_area);

  const cv::Mat& height() const { return height_; }
  Segmentation segment(const ExpectedObject& expected) const;

 private:
  struct Seeds {
    cv::Mat labels;                  ///< CV_32SC1, 1-based, 0 = none
    std::vector<bool> is_confident;  ///< per label (0 unused): beyond doubt
  };
  double edge_score(double mean_gradient) const;
  Seeds find_seeds(const ExpectedObject& expected, const cv::Mat& contrast) const;
  cv::Mat threshold_surface(const ExpectedObject& expected, const Seeds& seeds) const;
  cv::Mat foreground_of(const ExpectedObject& expected, const cv::Mat& contrast,
                        const Seeds& seeds) const;
  std::vector<Region> measure(const ExpectedObject& expected, const Segmentation& segmentation,
                              int n, const cv::Mat& contrast) const;

  cv::Mat height_, gradient_;
  double edge_half_;  // the boundary gradient that earns half of the edge score
  double largest_;    // area of a component that may be a seed, pixels
  ComponentTree tree_;
};

}  // namespace persense::classic
