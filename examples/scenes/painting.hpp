// examples/scenes/painting.hpp: the image of placed items (internal to the library).
#pragma once

#include <vector>

#include "item.hpp"

namespace persense::scenes::detail {

/// The scene's image: background, debris and items, painted back to front, as the sensor shows
/// them.
/// @param diameter  mean diameter of the items, pixels
cv::Mat paint(const SceneOptions& options, const Style& style,
              const std::vector<Item>& front_to_back, float diameter);

}  // namespace persense::scenes::detail
