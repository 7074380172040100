// What a file that is to be a mask holds: a shape, a label image, or a picture by mistake.
#pragma once

#include <opencv2/core.hpp>

#include "persense/io/images.hpp"

namespace persense::io::detail {

/// The shape that is marked, and a note where it is in the alpha channel.
MaskFile shape_in(const cv::Mat& pixels, const cv::Mat& alpha, double level);

/// The same of a mask that marks objects: those of a label image are parted, and told.
/// @param pixels  three channels. @param alpha  one channel of the same depth, or empty.
/// @param level   what a pixel inside is above; 0 where compression left no noise.
/// @throws InvalidArgument  a picture.
MaskFile mask_in(const cv::Mat& pixels, const cv::Mat& alpha, double level);

}  // namespace persense::io::detail
