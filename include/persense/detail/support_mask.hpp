// persense/detail/support_mask.hpp: checks the support examples before any stage sees them.
#pragma once

#include <cmath>
#include <numbers>
#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

#include "persense/detail/decl.hpp"
#include "persense/image.hpp"
#include "persense/mask.hpp"
#include "persense/options.hpp"

namespace persense {

/// A support mask, made fit for use: one 8-connected part for each example.
struct CheckedMask {
  std::vector<Mask> parts;  ///< largest first; at least one
  std::vector<std::string> notes;
};

/// Diameter of the disc with this many pixels.
inline float equivalent_diameter(double area) {
  return static_cast<float>(2.0 * std::sqrt(area / std::numbers::pi));
}

/// The separate (8-connected) parts of a mask that are examples, largest first, with a note where
/// there is more than one, or where the mask is surely not what was meant: inverted, a dot, or an
/// outline, which is filled unless `rule` is `largest`.
/// @throws InvalidArgument  a mask without any pixel, or without any background.
PERSENSE_DECL CheckedMask parts_of(MaskView mask, Parts rule = Parts::examples);

/// Checks that a support image and mask belong together, and takes the mask's parts apart.
/// @throws InvalidArgument  empty image, another size, and as parts_of.
PERSENSE_DECL CheckedMask check_support(ImageView image, MaskView mask,
                                        Parts rule = Parts::examples);

/// Sets a mask's pixels in a CV_8UC1 frame of its image's size to 255.
PERSENSE_DECL void paint(const Mask& mask, cv::Mat& frame);

/// A mask in a frame of its own: CV_8UC1, 0 or 255, of the image's size.
PERSENSE_DECL cv::Mat to_frame(const Mask& mask, Size image);

/// The pixels that either mask holds.
PERSENSE_DECL Mask united(const Mask& a, const Mask& b);

/// The pixel of a mask that is farthest from every pixel outside; the first in raster order on
/// ties. The mask is not empty.
PERSENSE_DECL Point most_interior(const Mask& mask);

}  // namespace persense

#ifndef PERSENSE_SEPARATE_COMPILATION
#include "persense/impl/support_mask.hpp"
#endif
