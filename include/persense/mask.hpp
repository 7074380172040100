// persense/mask.hpp: an object's mask as a bitmap cropped to its box.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "persense/detail/decl.hpp"
#include "persense/geometry.hpp"
#include "persense/image.hpp"

namespace persense {

/// The pixels of one object: a box on the image's grid and one byte (0 or 1) a pixel of that box.
/// Memory grows with the object, not with the frame. `box` is tight for every mask this library
/// returns; an empty mask has an empty box and no bits.
struct Mask {
  PixelBox box;
  std::vector<std::uint8_t> bits;  ///< box.height() x box.width(), row-major, 0 or 1

  bool empty() const { return bits.empty(); }
  const std::uint8_t* row(int y) const {  ///< y in image rows, box.y0 <= y < box.y1
    return bits.data() + static_cast<std::ptrdiff_t>(y - box.y0) * box.width();
  }
  std::uint8_t* row(int y) {
    return bits.data() + static_cast<std::ptrdiff_t>(y - box.y0) * box.width();
  }
  bool contains(Point p) const { return box.contains(p) && row(p.y)[p.x - box.x0] != 0; }
  std::int64_t area() const {
    return std::count_if(bits.begin(), bits.end(), [](std::uint8_t b) { return b != 0; });
  }
};

/// @param name  of the mask, to begin a message with.
/// @throws InvalidArgument  bits that do not fit the box, or a box that leaves the image.
PERSENSE_DECL void require_mask(const Mask& mask, Size image, std::string_view name);

/// The box of a mask's non-zero pixels, empty where there are none. (cv::boundingRect of OpenCV 4.6
/// loses the last column of some masks, those a few pixels wide.)
PERSENSE_DECL PixelBox tight_box(MaskView mask);

/// The mask's non-zero pixels, cropped to their tight box. `origin` is where the view's first pixel
/// lies in the image.
PERSENSE_DECL Mask crop_to_box(MaskView view, Point origin = {});

/// Pixels that both masks hold. Only the boxes' intersection is visited.
PERSENSE_DECL std::int64_t intersection_area(const Mask& a, const Mask& b);

}  // namespace persense

#ifndef PERSENSE_SEPARATE_COMPILATION
#include "persense/impl/mask.hpp"
#endif
