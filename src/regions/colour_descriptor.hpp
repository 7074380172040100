// colour_descriptor.hpp (private): the colours of regions.
#pragma once

#include <opencv2/core.hpp>
#include <vector>

namespace persense::regions {

/// A region's colour: mean and deviation of L, a, b, where L runs from 0 to 255.
using ColourDescriptor = cv::Vec<float, 6>;

/// How different two descriptors are, in units of 1 % of the range of L. Lightness counts half: it
/// follows the light, hue follows the object. Deviations count half of means.
double distance(const ColourDescriptor& a, const ColourDescriptor& b);

/// How far a descriptor is from the nearest of some. @pre at least one.
double nearest_distance(const ColourDescriptor& descriptor,
                        const std::vector<ColourDescriptor>& others);

/// The descriptors of regions 1..n of a label image.
/// @param labels  CV_32SC1, 0 where there is none. @param lab  CV_32FC3 of the same size.
std::vector<ColourDescriptor> describe_colours(const cv::Mat& labels, int n, const cv::Mat& lab);

}  // namespace persense::regions
