// examples/scenes/item.hpp: a body at its place in the frame (internal to the library).
#pragma once

#include <vector>

#include "styles.hpp"

namespace persense::scenes::detail {

/// A body at a size, an angle and a place.
struct Item {
  Body body;
  float unit = 1.0f;    ///< pixels per unit of the body
  float cosine = 1.0f;  ///< of the angle from x to u
  float sine = 0.0f;
  float middle_u = 0.0f;  ///< the body's centroid, in its own units
  float middle_v = 0.0f;
  float reach_x = 0.0f;  ///< half size of the upright box round the centroid, pixels
  float reach_y = 0.0f;
  float x = 0.0f;  ///< of the centroid, pixels
  float y = 0.0f;
  int label = 0;  ///< i: target i; -i: distractor i; 0: debris

  float u_at(float px, float py) const {
    return middle_u + ((px - x) * cosine + (py - y) * sine) / unit;
  }
  float v_at(float px, float py) const {
    return middle_v + ((py - y) * cosine - (px - x) * sine) / unit;
  }
  float outline_at(float px, float py) const {
    return outline_value(body, u_at(px, py), v_at(px, py));
  }
  float radius() const { return unit * std::min(body.half_length, 1.0f); }
  cv::Rect box() const {
    const int left = static_cast<int>(std::floor(x - reach_x)),
              top = static_cast<int>(std::floor(y - reach_y));
    const int right = static_cast<int>(std::ceil(x + reach_x)),
              bottom = static_cast<int>(std::ceil(y + reach_y));
    return {left, top, right - left + 1, bottom - top + 1};
  }
};

/// Scales and turns `body` so that its area is that of a disc of `diameter` pixels.
Item make_item(const Body& body, float diameter, float turns);

/// A run of pixels of a silhouette, relative to its item's whole-pixel place.
struct Run {
  int y, begin, end;
};

/// The pixels whose centres an item covers, wherever it is moved by whole pixels.
struct Silhouette {
  std::vector<Run> runs;
  int area = 0;
  double sum_x = 0.0, sum_y = 0.0;  ///< of the pixels' coordinates, relative

  double centre_x() const { return sum_x / area; }
  double centre_y() const { return sum_y / area; }
};

Silhouette silhouette_of(const Item& item);

}  // namespace persense::scenes::detail
