// examples/scenes/training/labelled_image.hpp: an image while its objects are painted, and where
// they are (internal to the library).
#pragma once

#include <cstdint>
#include <vector>

#include "frame.hpp"

namespace persense::scenes::training {

inline constexpr int least_visible_area = 10;  ///< pixels of an object with a label

/// An object while its image is painted; its index plus 1 is its label until the end.
struct Placed {
  int object_class = 0;
  int full_area = 0;
  int frame_area = 0;  ///< of the silhouette, in the frame
  int visible_area = 0;
  Contrast contrast;
  Pose pose;
};

struct LabelledImage {
  Frame frame;
  std::vector<std::uint16_t> labels;
  std::vector<Placed> placed;
  explicit LabelledImage(int size) : frame(size), labels(frame.count(), 0) {}
};

/// Paints the background and the objects of one image of `world`.
void paint_image(const World& world, std::uint64_t seed, LabelledImage& image);

}  // namespace persense::scenes::training
