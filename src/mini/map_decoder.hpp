// map_decoder.hpp (private): from the network's maps to regions, on the CPU.
#pragma once

#include <array>
#include <opencv2/core.hpp>
#include <vector>

#include "region.hpp"

namespace persense::mini {

/// Thresholds of what is found: probabilities, and lengths in pixels of the level. Low ones: what
/// they let through is told apart by the candidate head, which was trained on what they let through
/// (persense_training.regions).
struct FindingOptions {
  double least_peak = 0.1;  ///< of the density, in its largest for one object
  /// Of being a target's: a region for each of them, as what the network has not seen the like of
  /// is seen as a target with less certainty.
  std::array<double, 2> foreground{0.5, 0.15};
  double as_large = 0.85;  ///< part of another region of the peak that makes it the same one
  double reach = 10;       ///< from where an offset leads to a peak
  double object = 0.5;     ///< least probability of any object
  double votes = 1;        ///< least number of offsets that lead to a cell, smoothed, for a peak
  double alike = 0.75;     ///< IoU with a target's region that makes an object's the same one
  double least_area = 20;  ///< pixels
};

/// The regions of a level: foreground whose offsets lead to one peak of the density, by
/// foreground and by rows of their peaks. Then those of any objects, where they are none of these:
/// cells of objects whose offsets lead to one place, be they a target's or not. What a target is
/// not taken for, cell by cell, may be one as a whole.
/// @param maps  CV_32FC(6), at stride 2. @param size  of the level, without what it is filled up
///   with.
std::vector<Region> find_regions(const cv::Mat& maps, cv::Size size, const FindingOptions& options);

}  // namespace persense::mini
