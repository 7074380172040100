// Deep pixels, 16-bit or floating point, brought to 8 bits.
#pragma once

#include <opencv2/core.hpp>

#include "persense/io/images.hpp"

namespace persense::io::detail {

/// The window of some pixels by their percentiles, all channels together. Numbers that are not
/// finite do not count. Of pixels that are all alike it is one wide, from their value on.
/// @param pixels  CV_16U, CV_32F or CV_64F.
Window percentile_window(const cv::Mat& pixels);

/// Pixels as 8 bits: `window.low` and what is below it, or is no number, becomes 0, `window.high`
/// and what is above it 255.
cv::Mat through_window(const cv::Mat& pixels, const Window& window);

}  // namespace persense::io::detail
