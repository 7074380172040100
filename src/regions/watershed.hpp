// watershed.hpp (private): marker watershed inside a mask.
#pragma once

#include <opencv2/core.hpp>

namespace persense::regions {

/// Floods `labels` (CV_32SC1, 0 = unlabelled) over the 4-connected pixels of `mask` (CV_8UC1,
/// non-zero = may be flooded), highest `height` (CV_32FC1, >= 0) first; among equal heights, first
/// come first served in raster order of the markers. Basins touch: there is no line between them.
/// Heights are compared in 1024 steps of their range, which makes it linear in pixels.
void watershed(const cv::Mat& height, const cv::Mat& mask, cv::Mat& labels);

}  // namespace persense::regions
