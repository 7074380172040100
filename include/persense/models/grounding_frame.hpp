// persense/models/grounding_frame.hpp: what GroundingDINO does around its network, text apart.
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "persense/error.hpp"
#include "persense/geometry.hpp"
#include "persense/image.hpp"
#include "persense/models/planes.hpp"
#include "persense/resize.hpp"

namespace persense::grounding {

/// The size at which the network sees an image: its short side `short_side` pixels, or as many as
/// keep the long side at about `long_side`; the long side is rounded down.
/// @param image  at least 1 x 1.
/// @par Source  GroundingDINO `get_size_with_aspect_ratio`. One deliberate difference: of an image
///   so long that nothing would be left of its short side, one pixel is.
inline Size frame_size(Size image, int short_side, int long_side) {
  const double shortest = std::min(image.width, image.height);
  const double longest = std::max(image.width, image.height);
  int side = short_side;
  if (longest / shortest * side > long_side)
    side = static_cast<int>(std::nearbyint(long_side * shortest / longest));  // halves to even
  int other = static_cast<int>(side * longest / shortest);
  if (side < 1) {
    side = 1;
    other = long_side;
  }
  return image.width < image.height ? Size{side, other} : Size{other, side};
}

/// The image as the network takes it: [1, 3, height, width] of `frame_size`.
/// @throws InvalidArgument  an empty image.
/// @par Threads  Pure function.
inline Planes make_frame(ImageView image, int short_side, int long_side,
                         const PixelScaling& scaling) {
  if (image.empty())
    throw InvalidArgument(
        fmt::format("detector: image of {}, expected at least 1 x 1", to_string(image.size())));
  const Size size = frame_size(image.size(), short_side, long_side);
  Planes frame(1, 3, size);
  put_pixels(resize_antialiased(image.mat(), size), scaling, frame, 0);
  return frame;
}

/// A box of the network, (centre x, centre y, width, height) in 0..1, in the image's pixels. It may
/// reach beyond the image.
/// @par Source  GroundingDINO, in float32 and in its order of operations.
inline Box to_pixels(const std::array<float, 4>& box, Size image) {
  const auto width = static_cast<float>(image.width), height = static_cast<float>(image.height);
  const float x = box[0] * width, y = box[1] * height, w = box[2] * width, h = box[3] * height;
  return {x - 0.5f * w, y - 0.5f * h, x + 0.5f * w, y + 0.5f * h};
}

}  // namespace persense::grounding
