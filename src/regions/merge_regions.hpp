// merge_regions.hpp (private): merges an over-segmentation into object-like regions.
#pragma once

#include <opencv2/core.hpp>
#include <vector>

#include "shape.hpp"

namespace persense::regions {

/// When two touching regions are one object.
struct MergingRules {
  ShapePrior prior;
  double dip_decay = 4;    ///< penalty for a low line along the common border
  double neck_full = 0.9;  ///< no penalty when the neck is this part of the smaller inner radius
  double bonus = 0.1;      ///< what a merge may cost in object-likeness
  double confident_bonus = -0.1;  ///< the same between two regions that were accepted before
};

/// Merges neighbouring regions greedily, best gain first, while a merge gains.
/// @param labels        CV_32SC1, regions 1..n, 0 = none.
/// @param height        CV_32FC1: for dips along borders.
/// @param depth         CV_32FC1: distance to the background, for necks.
/// @param is_confident  of each region, 1-based: accepted as an object before.
/// @return  of each region, 1-based: the region that it became part of.
std::vector<int> merge_regions(const cv::Mat& labels, const cv::Mat& height, const cv::Mat& depth,
                               const std::vector<bool>& is_confident, const MergingRules& rules);

}  // namespace persense::regions
