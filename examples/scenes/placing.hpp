// examples/scenes/placing.hpp: places objects front to back, so that what is visible of each is
// known when it is placed (internal to the library).
#pragma once

#include <vector>

#include "item.hpp"

namespace persense::scenes::detail {

/// Pixels; below this an outline is no longer a shape.
inline constexpr float smallest_diameter = 4.0f;

struct Placement {
  cv::Mat owner;            ///< CV_32SC1: label of the front-most item, 0 where there is none
  std::vector<Item> items;  ///< front to back
  std::vector<ObjectTruth> objects;
};

/// @param first_in_middle  the front-most target is put near the middle, so that it is whole
/// @param diameter  set to the mean diameter used, pixels
/// @throws std::invalid_argument  the objects do not fit.
Placement place_all(const SceneOptions& options, const Style& style, bool first_in_middle,
                    float& diameter);

}  // namespace persense::scenes::detail
