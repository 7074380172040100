// examples/scenes/training/shapes.hpp: parametric silhouettes and their distance fields.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "../random.hpp"
#include "episode.hpp"

namespace persense::scenes::training {

using detail::Random;

/// What the objects of a class have in common.
struct ClassShape {
  Family family = Family::ellipse;
  float aspect = 1.0f;         ///< length over width, 1 and more
  float aspect_spread = 0.0f;  ///< of one object from the other, as a part
  float irregularity = 0.0f;   ///< Fourier noise of the outline, 0 to 0.25
  int lobes = 5;               ///< corners, teeth, arms
  float sharpness = 0.5f;      ///< 0: rounded corners, 1: sharp
  float hole = 0.0f;           ///< radius of a hole over the object's, 0: none
  float bend = 0.0f;           ///< of the long axis
  std::uint64_t seed = 0;      ///< what else distinguishes this class from one of the same family
};

/// A rounded box or an ellipse that is part of a composite.
struct Part {
  float x = 0.0f, y = 0.0f;            ///< centre
  float half_u = 1.0f, half_v = 1.0f;  ///< half axes
  float round = 0.0f;                  ///< radius of corners over the smaller half axis; 1: ellipse
  float tone = 0.0f;                   ///< 0: base colour, 1: accent, -1: dark
  float height = 0.5f;
  bool painted = false;  ///< a mark on the others, no part of the silhouette
};

/// A ball on a chain; consecutive ones are joined.
struct Bead {
  float x = 0.0f, y = 0.0f, radius = 1.0f;
  bool joined = true;  ///< to the one before
};

enum class Kernel { radial, profile, chain, parts };

/// One object's silhouette in its own coordinates, u along the longer axis; its area is about that
/// of a disc of radius 1.
struct Shape {
  Kernel kernel = Kernel::radial;
  /// radial: radius by direction (see radial.cpp); profile: half width from the rear to the tip.
  std::array<float, 257> table{};
  std::array<float, 257> slope{};  ///< how much shorter true distances are than radial ones
  float stretch_u = 1.0f, stretch_v = 1.0f;
  float bend = 0.0f;
  float hole = 0.0f;                                       ///< radius, 0: none
  float bite_x = 0.0f, bite_y = 0.0f, bite_radius = 0.0f;  ///< a disc cut away, radius 0: none
  std::vector<Bead> beads;
  std::vector<Part> parts;
  float extent_u = 1.0f, extent_v = 1.0f;  ///< nothing is further from the centre, along each axis
  float inner = 0.7f;                      ///< largest distance from the outline inside
};

/// Fields of one object in its box, row by row.
struct Fields {
  int width = 0, height = 0;
  std::vector<float> u, v;    ///< own coordinates, radii
  std::vector<float> inside;  ///< signed distance from the outline, pixels, positive inside
  std::vector<float> depth;   ///< 0 at the outline and outside, 1 in the middle
  std::vector<float> tone;    ///< of composites, as Part::tone; 0 elsewhere
  std::vector<float> lift;    ///< of composites, as Part::height; 0 elsewhere
  void resize(int new_width, int new_height);
};

/// How an object lies: own coordinates = turn * (pixel - centre) / radius.
struct Pose {
  float x = 0.0f, y = 0.0f;  ///< pixels
  float radius = 10.0f;      ///< of a disc of its area, pixels
  float cosine = 1.0f, sine = 0.0f;
  bool mirrored = false;
  float squeeze = 1.0f;  ///< foreshortening of the image's y axis, 0.5 to 1
};

ClassShape random_class_shape(Family family, Random& random);
Shape make_shape(const ClassShape& of_class, Random& random);

/// A cell among others: what is nearer to its centre than to any neighbour's, less half of `gap`.
struct Tile {
  Shape shape;
  float radius = 0.0f;  ///< of a disc of its area, pixels
};
/// @param neighbours  offsets of their centres, pixels, at least three around; 16 count
/// @param sharpness  of the corners, 0 to 1
Tile make_tile(std::span<const std::array<float, 2>> neighbours, float gap, float sharpness);

/// Fills `fields`, whose size is set, for the box with this left upper corner. Distances are right
/// up to `margin` pixels outside of the outline.
void fill_fields(const Shape& shape, const Pose& pose, int left, int top, float margin,
                 Fields& fields);

}  // namespace persense::scenes::training
