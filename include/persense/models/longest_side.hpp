// persense/models/longest_side.hpp: the frame of encoders that want a fixed longest side (SAM:
// 1024).
#pragma once

#include <algorithm>

#include "persense/geometry.hpp"

namespace persense {

/// An image resized so that its longest side is `target`, then padded right and bottom to a square.
/// Maps coordinates into that frame.
/// @par Source  segment-anything `ResizeLongestSide`.
struct LongestSide {
  Size original;
  int target = 1024;

  /// The size inside the padding: both sides times target / longest, rounded half up, at least 1.
  Size input() const {
    const double scale = static_cast<double>(target) / std::max(original.width, original.height);
    const auto side = [scale](int length) {
      return std::max(1, static_cast<int>(length * scale + 0.5));
    };
    return {side(original.width), side(original.height)};
  }
  double to_input_x(double x) const {
    return x * (static_cast<double>(input().width) / original.width);
  }
  double to_input_y(double y) const {
    return y * (static_cast<double>(input().height) / original.height);
  }
};

}  // namespace persense
