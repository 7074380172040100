// watershed_markers.hpp (private): where the watershed of a foreground starts.
#pragma once

#include <opencv2/core.hpp>
#include <vector>

namespace persense::classic {

/// Watershed markers: depth maxima, and every confident seed as a whole.
struct Markers {
  cv::Mat labels;                  ///< CV_32SC1
  std::vector<bool> is_confident;  ///< per label (0 unused)
};

/// @param interior    CV_32FC1: smoothed depth of the foreground. @param foreground  CV_8UC1.
/// @param seeds       CV_32SC1, 1-based, 0 = none. @param is_confident  of each seed.
Markers place_markers(const cv::Mat& interior, const cv::Mat& foreground, const cv::Mat& seeds,
                      const std::vector<bool>& is_confident);

}  // namespace persense::classic
