// network_inputs.hpp (private): regions as numbers that the network takes.
#pragma once

#include <opencv2/core.hpp>
#include <span>

#include "mini_network.hpp"

namespace persense::mini {

inline constexpr int batch = 64;  ///< regions or tiles that go through the network at once
inline constexpr int square_length = 5, crop_channels = 4;

/// Described regions, one in a row, in the order of the levels and their regions.
struct RegionInputs {
  Vectors crops;    ///< crop_side rows x crop_side x crop_channels: stretched R, G, B; the mask
  Vectors squares;  ///< square_length: see Description::square
  Vectors shapes;   ///< shape_length: see Description::shape
};
RegionInputs region_inputs(std::span<const DescribedRegions> levels);

/// What the refinement of one region takes of its window, beside maps and features of it.
struct RefinementInput {
  cv::Rect window;     ///< pixels of the level, refine_side each way
  cv::Mat image;       ///< CV_32FC3, stretched
  cv::Mat coarse;      ///< CV_32FC1: 1 in the region, 0 elsewhere
  cv::Point2f centre;  ///< of the region, pixels of the window
};
RefinementInput refinement_input(const RefinedRegion& region);

}  // namespace persense::mini
