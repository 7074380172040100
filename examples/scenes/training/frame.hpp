// examples/scenes/training/frame.hpp: an image while it is made, and what is done to it.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "world.hpp"

namespace persense::scenes::training {

/// Linear light, one plane a channel, row by row.
struct Frame {
  int size = 0;
  std::array<std::vector<float>, 3> planes;
  explicit Frame(int side)
      : size(side),
        planes{std::vector<float>(count(), 0.0f), std::vector<float>(count(), 0.0f),
               std::vector<float>(count(), 0.0f)} {}
  std::size_t count() const {
    return static_cast<std::size_t>(size) * static_cast<std::size_t>(size);
  }
};

/// Memory that painting one object after the other uses again.
struct Brush {
  Fields fields;
  std::vector<std::size_t>
      active;  ///< where the object is, or nearly; elsewhere what follows is not set
  std::vector<float> height, normal_x, normal_y, normal_z, pattern, alpha;
  std::array<std::vector<float>, 3> colour;
};

void paint_background(const World& world, std::uint64_t seed, Frame& frame);

/// Box of an object with room for its shadow, halo and soft outline.
struct Box {
  int left = 0, top = 0, width = 0, height = 0;
  float margin = 0.0f;  ///< room around the silhouette, pixels
};
Box box_of(const World& world, const ClassLook& look, const Shape& shape, const Pose& pose);

/// How different an object is from what was behind it: means over its silhouette.
struct Contrast {
  float linear = 0.0f;  ///< of light
  float root = 0.0f;    ///< of light's square root
};

/// Paints what brush.fields, which lie at `box`, describe.
Contrast paint_object(const World& world, const ClassLook& look, const Shape& shape,
                      const Pose& pose, const Box& box, std::uint64_t seed, float brightness,
                      Brush& brush, Frame& frame);

/// What the lens, the sensor and the file make of it: RGB, `stride` bytes a row.
/// @return  the light that becomes white at an exposure of 1.
float expose(const World& world, std::uint64_t seed, Frame& frame, std::uint8_t* out,
             std::size_t stride);

}  // namespace persense::scenes::training
