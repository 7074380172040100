// merge_scales.hpp (private): merges segmentations of one image at several scales into one.
#pragma once

#include <opencv2/core.hpp>
#include <vector>

#include "region.hpp"

namespace persense::regions {

/// A segmentation at the size that all of them have.
struct ScaleSegmentation {
  Segmentation segmentation;
  double weight = 1;  ///< of the scale: what its regions' scores are multiplied with
};

/// A segmentation that was made at another size, at this one.
Segmentation resampled(Segmentation segmentation, cv::Size size);

/// Takes the scales' regions, best weighted score first. Where regions compete, the better one
/// keeps the pixels, and the other is dropped unless most of it is still free.
/// @param scales  at least one, of one size.
Segmentation merge_scales(const std::vector<ScaleSegmentation>& scales);

}  // namespace persense::regions
