// persense/instances.hpp: from decoded masks to the objects that are reported.
#pragma once

#include <span>
#include <vector>

#include "persense/detail/decl.hpp"
#include "persense/mask.hpp"
#include "persense/options.hpp"
#include "persense/result.hpp"
#include "persense/stages.hpp"

namespace persense {

/// One instance for each mask that is not empty and does not repeat a better one.
///
/// A repeat shares more than `options.duplicate_overlap` of the smaller mask's area with a mask of
/// higher score (earlier prompt on ties). Order of the prompts is kept.
/// @par Source  this library: the paper's output is the union of all masks, where repeats do not
/// show.
PERSENSE_DECL std::vector<Instance> make_instances(std::span<const Prompt> prompts,
                                                   std::vector<ScoredMask> masks,
                                                   const InstanceOptions& options = {});

/// Mean of a map over a mask. @pre the mask is not empty and lies in the map.
PERSENSE_DECL float mean_over(const Mask& mask, const FloatMapView& map);

/// Instances of several classes compete for pixels: each pixel goes to the one that is most similar
/// to its own support (`similarity`, the mean over its mask; then the higher score, then the
/// earlier class). One that loses more than `options.duplicate_overlap` of its pixels, or more than
/// a half where that is less, was the same object and is dropped. Within a class nothing changes.
/// @param similarity  one value for each instance.
/// @return  what is left, in the order given; masks of different classes share no pixel.
/// @par Source  this library.
PERSENSE_DECL std::vector<Instance> compete(std::vector<Instance> instances,
                                            std::span<const float> similarity, Size image,
                                            const InstanceOptions& options = {});

/// Whether a mask reaches the image's border.
inline bool touches_border(const Mask& mask, Size image) {
  const PixelBox& b = mask.box;
  return b.x0 <= 0 || b.y0 <= 0 || b.x1 >= image.width || b.y1 >= image.height;
}

/// The instances that pass a filter.
/// @param support_areas  for each class the area that its ratios are of, pixels.
/// @param region  of the image's size, or empty: see RunOptions::region.
/// @return  in the order given.
PERSENSE_DECL std::vector<Instance> filtered(std::vector<Instance> instances,
                                             const FilterOptions& filter,
                                             std::span<const double> support_areas,
                                             MaskView region = {});

/// Puts instances in reading order: lines from top to bottom, each from left to right. A line is
/// as high as half of the median box.
PERSENSE_DECL void sort_in_reading_order(std::vector<Instance>& instances);

}  // namespace persense

#ifndef PERSENSE_SEPARATE_COMPILATION
#include "persense/impl/instances.hpp"
#endif
