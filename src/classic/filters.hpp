// filters.hpp (private): image filters on CV_32FC1 maps and CV_8UC1 masks (0 or 255).
#pragma once

#include <opencv2/core.hpp>

namespace persense::classic {

/// The p-th percentile (0..100) of a map; of every k-th pixel when there are more than 2^17.
float percentile(const cv::Mat& map, double p);

/// Gradient magnitude, per pixel.
cv::Mat gradient_of(const cv::Mat& map);

/// cv::GaussianBlur to the bit, on several threads. @param border  what lies beyond, as there.
cv::Mat blurred(const cv::Mat& map, double deviation, int border);

/// Gaussian blur; a large deviation is applied at the resolution where it is about 4 pixels.
cv::Mat wide_blur(const cv::Mat& map, double deviation);

/// Height above the surroundings: the map minus its opening with a square of `size` pixels, which
/// is taken at a quarter of the resolution when it is large.
cv::Mat local_contrast(const cv::Mat& map, int size);

/// Distance of every pixel to the mask, 0 inside. A mask without a pixel is nowhere: far away.
cv::Mat distance_to(const cv::Mat& mask);

/// Depth below the mask's edge; the image's border is no edge.
cv::Mat depth_of(const cv::Mat& mask);

/// Sets the holes of a mask that are smaller than `largest` pixels and do not reach the border.
void fill_small_holes(cv::Mat& mask, double largest);

}  // namespace persense::classic
