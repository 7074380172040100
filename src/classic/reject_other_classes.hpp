// reject_other_classes.hpp (private): tells regions of another class by their colour.
#pragma once

#include <opencv2/core.hpp>
#include <vector>

#include "regions/colour_descriptor.hpp"
#include "regions/region.hpp"

namespace persense::classic {

/// Compares the regions' colours with the support object's. Scores regions of another class 0,
/// where the regions clearly fall into two groups by distance (one class under uneven light does
/// not: its distances are one group), and marks those of an odd colour, which should not be
/// exemplars.
///
/// Odd is much further than the nearest tenth of the regions: the light here may not be the
/// support's. A region that is nearer to a negative example than to any other scores 0, too.
/// @param lab      CV_32FC3, of the labels' size.
/// @param support  of the examples, at least one.
/// @param lowest   regions below this score have no say.
void reject_other_classes(regions::Segmentation& segmentation, const cv::Mat& lab,
                          const std::vector<regions::ColourDescriptor>& support,
                          const std::vector<regions::ColourDescriptor>& negative, double lowest);

}  // namespace persense::classic
