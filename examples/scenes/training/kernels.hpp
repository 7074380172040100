// examples/scenes/training/kernels.hpp: makes silhouettes of each kernel and fills their fields
// (internal to the library).
#pragma once

#include <cstddef>

#include "shapes.hpp"

namespace persense::scenes::training {

void make_radial(const ClassShape& k, Random& random, Shape& shape);
void make_profile(const ClassShape& k, float aspect, Random& random, Shape& shape);
void make_chain(const ClassShape& k, float aspect, Random& random, Shape& shape);
void make_composite(const ClassShape& k, float aspect, Random& random, Shape& shape);

void fill_radial(const Shape& shape, const Pose& pose, int left, int top, Fields& f);
void fill_profile(const Shape& shape, const Pose& pose, int left, int top, Fields& f);
void fill_chain(const Shape& shape, const Pose& pose, int left, int top, float margin, Fields& f);
void fill_parts(const Shape& shape, const Pose& pose, int left, int top, Fields& f);

/// Calls `at(u, v, i)` for each pixel.
template <class At>
void each_pixel(const Pose& pose, int left, int top, Fields& f, At&& at) {
  const float inverse = 1 / pose.radius, upright = pose.mirrored ? -1.0f : 1.0f;
  std::size_t i = 0;
  for (int y = 0; y < f.height; ++y) {
    const float dy = (static_cast<float>(top + y) - pose.y) * inverse / pose.squeeze;
    for (int x = 0; x < f.width; ++x, ++i) {
      const float dx = (static_cast<float>(left + x) - pose.x) * inverse;
      f.u[i] = dx * pose.cosine + dy * pose.sine;
      f.v[i] = upright * (dy * pose.cosine - dx * pose.sine);
      at(f.u[i], f.v[i], i);
    }
  }
}

}  // namespace persense::scenes::training
