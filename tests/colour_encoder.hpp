// An encoder of the user's that tells objects apart by their colours.
#pragma once

#include <opencv2/imgproc.hpp>

#include "persense/custom_stages.hpp"

namespace persense::testing {

/// A channel a colour: the mean over each cell of so many pixels a side.
template <int cell>
FeatureGrid colours(ImageView image) {
  FeatureGrid grid{{image.width / cell, image.height / cell}, {}};
  cv::Mat small;
  cv::resize(image.mat(), small, {grid.size.width, grid.size.height}, 0, 0, cv::INTER_AREA);
  grid.features.resize(3, grid.size.pixels());
  for (int i = 0; i < grid.size.pixels(); ++i)
    for (int c = 0; c < 3; ++c)
      grid.features(c, i) =
          static_cast<float>(small.at<cv::Vec3b>(i / grid.size.width, i % grid.size.width)[c]);
  return grid;
}

}  // namespace persense::testing
