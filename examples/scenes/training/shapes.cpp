#include "shapes.hpp"

#include <algorithm>
#include <cmath>

#include "kernels.hpp"

namespace persense::scenes::training {

namespace {

Kernel kernel_of(Family family) {
  switch (family) {
    case Family::drop:
    case Family::leaf:
    case Family::diatom:
    case Family::boat:
    case Family::bottle:
    case Family::can:
    case Family::screw:
    case Family::pear:
    case Family::spindle:
      return Kernel::profile;
    case Family::rod:
    case Family::capsule:
    case Family::curved_rod:
    case Family::fibre:
    case Family::spiral:
    case Family::budding:
    case Family::dumbbell:
    case Family::branch:
      return Kernel::chain;
    case Family::car:
    case Family::plane:
    case Family::animal:
    case Family::person:
    case Family::packet:
    case Family::insect:
      return Kernel::parts;
    default:
      return Kernel::radial;
  }
}

float random_aspect(Family family, Random& random) {
  const float t = random.uniform();
  switch (family) {
    case Family::rod:
    case Family::capsule:
      return 1.6f + 3.5f * t * t;
    case Family::curved_rod:
      return 2.2f + 3 * t;
    case Family::fibre:
      return 6 + 12 * t * t;
    case Family::spiral:
      return 7 + 8 * t;
    case Family::screw:
      return 2.2f + 2 * t;
    case Family::leaf:
    case Family::diatom:
    case Family::spindle:
      return 1.7f + 3.0f * t * t;
    case Family::boat:
    case Family::bottle:
      return 2.2f + 1.6f * t;
    case Family::can:
      return 1.2f + 0.9f * t;
    case Family::drop:
    case Family::pear:
      return 1.2f + 0.7f * t;
    case Family::kidney:
      return 1.5f + 0.6f * t;
    case Family::car:
    case Family::plane:
    case Family::animal:
    case Family::person:
    case Family::packet:
    case Family::insect:
      return 0.9f + 0.3f * t;
    case Family::bubble:
    case Family::ring:
    case Family::hex_nut:
    case Family::hex_bolt:
    case Family::gear:
    case Family::disc_cell:
      return random.uniform() < 0.8f ? 1.0f : 1 + 0.3f * t;
    default:
      return random.uniform() < 0.3f ? 1.0f : 1 + 1.2f * t * t;
  }
}

}  // namespace

void Fields::resize(int new_width, int new_height) {
  width = new_width;
  height = new_height;
  const std::size_t count = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  for (std::vector<float>* field : {&u, &v, &inside, &depth, &tone, &lift}) field->resize(count);
}

ClassShape random_class_shape(Family family, Random& random) {
  ClassShape shape;
  shape.family = family;
  shape.aspect = random_aspect(family, random);
  shape.aspect_spread = random.uniform() < 0.5f ? 0.03f : random.uniform(0.05f, 0.25f);
  const bool made = family == Family::hex_nut || family == Family::hex_bolt ||
                    family == Family::gear || family == Family::ring || family == Family::bubble ||
                    family == Family::superellipse;
  shape.irregularity =
      random.uniform() < (made ? 0.85f : 0.35f) ? 0.0f : random.uniform(0.03f, 0.2f);
  shape.lobes = 3 + random.below(6);
  shape.sharpness = random.uniform();
  if (family == Family::ring) shape.hole = random.uniform(0.3f, 0.78f);
  if (family == Family::hex_nut) shape.hole = random.uniform(0.42f, 0.62f);
  if (family == Family::gear && random.uniform() < 0.6f) shape.hole = random.uniform(0.15f, 0.5f);
  shape.bend = kernel_of(family) == Kernel::profile && random.uniform() < 0.3f
                   ? random.uniform(0.1f, 0.35f)
                   : 0.0f;
  if (family == Family::can || family == Family::bottle || family == Family::boat ||
      family == Family::screw)
    shape.bend = 0;
  if (family == Family::kidney) shape.bend = random.uniform(0.25f, 0.6f);
  shape.seed = random.bits();
  return shape;
}

Shape make_shape(const ClassShape& of_class, Random& random) {
  Shape shape;
  const float aspect =
      std::max(1.0f, of_class.aspect *
                         (1 + of_class.aspect_spread * std::clamp(random.normal(), -2.0f, 2.0f)));
  switch (kernel_of(of_class.family)) {
    case Kernel::profile:
      make_profile(of_class, aspect, random, shape);
      break;
    case Kernel::chain:
      make_chain(of_class, aspect, random, shape);
      break;
    case Kernel::parts:
      make_composite(of_class,
                     of_class.aspect * (1 + 0.3f * of_class.aspect_spread * random.uniform(-1, 1)),
                     random, shape);
      break;
    case Kernel::radial:
      make_radial(of_class, random, shape);
      shape.stretch_u = std::sqrt(aspect);
      shape.stretch_v = 1 / shape.stretch_u;
      shape.extent_u *= shape.stretch_u;
      shape.extent_v *= shape.stretch_v;
      shape.inner *= shape.stretch_v;
      if (of_class.family == Family::kidney) {
        shape.bend = of_class.bend * random.uniform(0.8f, 1.2f) / shape.stretch_u;
        shape.extent_v += shape.bend * shape.stretch_u * shape.stretch_u * 0.7f;
      }
      break;
  }
  return shape;
}

void fill_fields(const Shape& shape, const Pose& pose, int left, int top, float margin,
                 Fields& fields) {
  if (shape.kernel != Kernel::parts) {
    std::fill(fields.tone.begin(), fields.tone.end(), 0.0f);
    std::fill(fields.lift.begin(), fields.lift.end(), 0.0f);
  }
  switch (shape.kernel) {
    case Kernel::radial:
      return fill_radial(shape, pose, left, top, fields);
    case Kernel::profile:
      return fill_profile(shape, pose, left, top, fields);
    case Kernel::chain:
      return fill_chain(shape, pose, left, top, margin, fields);
    case Kernel::parts:
      return fill_parts(shape, pose, left, top, fields);
  }
}

}  // namespace persense::scenes::training
