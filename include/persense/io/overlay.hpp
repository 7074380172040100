// persense/io/overlay.hpp: the instances drawn over their image.
#pragma once

#include <opencv2/core.hpp>

#include "persense/image.hpp"
#include "persense/result.hpp"

namespace persense::io {

struct OverlayOptions {
  float fill = 0.28f;    ///< opacity of the colour inside an object, 0 to 1
  float line_width = 0;  ///< outline, pixels; 0 = chosen from the image's size
  bool numbers = true;   ///< 1, 2, ... inside the objects where they fit
  bool points = true;    ///< the point prompts as dots
  bool legend = true;    ///< where there are several classes: their colours, names and counts
};

/// Draws outlines, a light fill, numbers and prompts. Neighbours get different colours; where there
/// are several classes, each has a hue of its own in several shades. A number is
/// the instance's id in the label image and the CSV; it is left out where it would not lie inside
/// its object. Work grows with the image once and with the objects' boxes.
/// @return  CV_8UC3, RGB, of the image's size.
/// @throws InvalidArgument  an empty image, a result for another size, an option out of range.
cv::Mat render_overlay(ImageView image, const Result& result, const OverlayOptions& options = {});

}  // namespace persense::io
