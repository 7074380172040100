// examples/scenes/training/episode.hpp: renders what a network that finds objects by one example is
// trained on: small images of one world, as different from each other as dense images are.
#pragma once

#include <cstdint>
#include <opencv2/core.hpp>
#include <span>
#include <string_view>
#include <vector>

namespace persense::scenes::training {

/// Silhouettes.
enum class Family {
  ellipse,
  superellipse,
  egg,
  kidney,
  polygon,
  rounded_polygon,
  crystal,
  star,
  gear,
  clover,
  shell,
  splat,
  tree_crown,
  blob,
  bubble,
  ring,
  hex_nut,
  hex_bolt,
  disc_cell,
  crescent,
  drop,
  leaf,
  diatom,
  boat,
  bottle,
  can,
  screw,
  pear,
  spindle,
  rod,
  capsule,
  curved_rod,
  fibre,
  spiral,
  budding,
  dumbbell,
  branch,
  car,
  plane,
  animal,
  person,
  packet,
  insect
};
/// How light meets an object.
enum class Material { flat, matte, glossy, metal, translucent, membrane };
/// What is painted on it.
enum class Pattern {
  plain,
  mottled,
  marbled,
  two_tone,
  gradient,
  stripes,
  rings,
  spots,
  nucleus,
  letters,
  patches
};
/// What the objects lie on.
enum class Background {
  plain,
  gradient,
  paper,
  wood,
  cloth,
  soil,
  sand,
  gravel,
  grass,
  tissue,
  water,
  asphalt,
  tiles,
  printed,
  metal,
  foliage,
  haze
};
/// What took the image.
enum class Imaging {
  photo,
  scan,
  aerial,
  bright_field,
  stained,
  dark_field,
  fluorescence,
  phase_contrast,
  electron,
  transmission,
  xray
};
/// How the objects lie. Packed ones are cells that fill the frame, whatever their family.
enum class Layout { scattered, touching, heaped, rows, clusters, chains, packed };

/// The enumerators' names, in order; of each of the six enumerations above.
template <class Enum>
std::span<const std::string_view> names();

/// The label of pixels that belong to no class: objects that show too little of themselves, or
/// that cannot be told from what lies behind them.
inline constexpr std::uint16_t ignored_label = 0xFFFF;
/// The label of debris and of blurred things in the background: no object of any class, but perhaps
/// an object to somebody.
inline constexpr std::uint16_t debris_label = 0xFFFE;

struct EpisodeOptions {
  std::uint64_t seed = 0;  ///< any value; what is rendered depends on it and the fields below alone
  int size = 224;          ///< height and width of an image, pixels, 64 to 1024
  int pictures = 3;        ///< 1 to 64
  int classes = 0;         ///< 1 to 3; 0: drawn at random
};

/// How sure one is that two classes look different.
enum class Difference : std::uint8_t {
  same = 0,      ///< one class
  unknown = 1,   ///< two classes, but hard or impossible to tell apart: teach nothing about them
  distinct = 2,  ///< different at a look
};

/// An object that shows in an image.
struct Instance {
  int object_class = 0;  ///< 0 to classes - 1
  int visible_area = 0;  ///< pixels that carry its label, at least 1
  int full_area = 0;     ///< pixels of its silhouette, covered and outside of the frame included
  float x = 0.0f, y = 0.0f;  ///< centroid of the visible pixels
};

/// Which of each enumeration a class and a world are made of.
struct ClassTraits {
  Family family{};
  Material material{};
  Pattern pattern{};
  float diameter = 0.0f;  ///< typical, of a disc of an object's area, pixels
};
/// Of the first image; in others the background, the layout, the light, the sensor and the distance
/// may be others.
struct WorldTraits {
  Imaging imaging{};
  Background background{};
  Layout layout{};
};

/// Images of one world. Image p's rows are p * size to (p + 1) * size - 1 of the matrices.
struct Episode {
  int size = 0, pictures = 0, classes = 0;
  cv::Mat images;  ///< CV_8UC3, RGB order
  cv::Mat labels;  ///< CV_16UC1; 0: background; i: instances[p][i - 1]; or one of the above
  std::vector<std::vector<Instance>> instances;  ///< one list per image; may be empty
  std::vector<Difference> differences;           ///< classes x classes, symmetric, row by row
  std::vector<ClassTraits> class_traits;         ///< one a class
  WorldTraits world;
};

/// Renders an episode: the same options give the same bits on every platform.
/// @throws std::invalid_argument  a field is out of range: the message names it, its value and the
///   range.
/// @par Threads  Safe to call concurrently. Works in the calling thread alone.
Episode render_training_episode(const EpisodeOptions& options);

}  // namespace persense::scenes::training
