// examples/scenes/training/world.hpp: everything that the images of an episode share.
#pragma once

#include <array>
#include <vector>

#include "../random.hpp"
#include "episode.hpp"
#include "shapes.hpp"
#include "textures.hpp"

namespace persense::scenes::training {

/// Linear light, red, green, blue; 1 is white.
using Colour = std::array<float, 3>;

/// Hue in turns, saturation and display value.
struct Hsv {
  float hue = 0, saturation = 0, value = 0;
};
Colour from_hsv(const Hsv& shown_as);
Colour blend(const Colour& a, const Colour& b, float t);

/// How an object meets what is behind it.
enum class Mixing { cover, absorb, emit };

/// Heights across an object, from the outline to the middle.
enum class Relief { flat, dome, plateau, cone, dimple, composite };

struct ClassLook {
  Material material{};
  Pattern pattern{};
  Relief relief = Relief::dome;
  float hue = 0, saturation = 0, value = 0.5f;     ///< of the base colour
  float hue2 = 0, saturation2 = 0, value2 = 0.5f;  ///< of the accent
  float hue_spread = 0, value_spread = 0;          ///< from object to object
  float other_share = 0;                           ///< part of the objects whose base is the accent
  Weave weave = Weave::clouds;
  int weave_size = 1;
  float weave_scale = 20;  ///< texture pixels per radius
  float pattern_strength = 0.5f;
  float pattern_place = 0;  ///< threshold, position or count, by pattern
  Weave bumps = Weave::rough;
  float bump_height = 0;  ///< over the object's own
  float bulge = 0.8f;     ///< height over radius
  float shading = 0.5f;   ///< how much the light's direction shows
  float specular = 0;
  int gloss = 4;  ///< the highlight is to the power of 2^gloss
  float opacity = 1;
  float rim = 0, rim_width = 0.2f;                 ///< brighter (or darker) towards the outline
  float line = 0, line_width = 1, line_value = 0;  ///< drawn along the outline
  float edge_glow = 0;                             ///< brighter where the surface turns away
  float thickness = 0;                             ///< how far opacity follows the height
  float softness = 1;                              ///< width of the outline, pixels
};

struct ObjectClass {
  ClassShape shape;
  ClassLook look;
  float diameter = 20;       ///< of a disc of a typical object's area, pixels
  float size_spread = 0.1f;  ///< standard deviation of the logarithm
};

struct BackgroundLayer {
  Weave weave = Weave::clouds;
  int size = 1;
  float scale = 1;      ///< texture pixels per pixel
  float tone = 0;       ///< light changes by this part per standard deviation
  float accent = 0;     ///< so much of the accent colour where the texture is high
  float threshold = 0;  ///< standard deviations
  float relief = 0;     ///< shading by its slope
};

struct BackgroundStyle {
  Background kind{};
  Colour base{}, accent{};
  std::vector<BackgroundLayer> layers;
  float slope = 0;       ///< gradient over the frame
  bool tray = false;     ///< a dish or tray with a border
  bool dish = false;     ///< the tray is round
  int ruled_lines = 0;   ///< straight lines across
  float line_value = 0;  ///< their light over the background's
};

struct Sensor {
  float vignette = 0, uneven = 0;
  float blur = 0, haze = 0;  ///< pixels; part of the light that is spread widely
  int motion = 0;            ///< pixels
  bool coarse = false;       ///< taken at half the size
  float sharpen = 0;
  float exposure = 1, black = 0;
  float gamma = 0.5f;  ///< 0: display value is linear light, 1: its square root
  Colour cast{1, 1, 1};
  float shot_noise = 0, read_noise = 0;
  bool noise_grey = false, noise_soft = false;
  bool grey = false, negative = false;
  int jpeg_quality = 0;  ///< 0: none
  float tint = 0;        ///< hue of a grey image shown in one colour; 0: grey
};

struct World {
  Imaging imaging{};
  Mixing mixing = Mixing::cover;
  Layout layout{};
  BackgroundStyle background;
  Sensor sensor;
  std::vector<ObjectClass> classes;
  std::array<float, 3> light{0.4f, -0.4f, 0.8f};  ///< unit vector towards the light
  float ambient = 0.4f;
  float shadow = 0, shadow_length = 0, shadow_softness = 2;  ///< length in radii
  float contact = 0, contact_width = 2;                      ///< dark seams
  float halo = 0, halo_width = 4;                            ///< light just outside
  float crowding = 0.5f;                      ///< part of the frame that objects cover, about
  float overlap = 0;                          ///< part of an object that may be covered
  bool aligned = false;                       ///< objects lie along one direction
  float direction = 0;                        ///< turns
  float squeeze = 1;                          ///< foreshortening
  float gap = 1;                              ///< between packed cells, pixels
  float jitter = 0.3f;                        ///< of packed cells, over their distance
  float holes = 0;                            ///< part of the packed cells that are missing
  int debris = 0;                             ///< small things that are no objects
  int strangers = 0;                          ///< large blurred things that are no objects
  std::vector<ObjectClass> debris_classes;    ///< two
  std::vector<ObjectClass> stranger_classes;  ///< one
  /// One or none: pale bodies around the objects, as cells around nuclei or pulp around seeds. They
  /// are background; their diameter is in diameters of their object.
  std::vector<ObjectClass> host_classes;
  float dim_share = 0;  ///< part of the objects that are much dimmer
};

World random_world(const EpisodeOptions& options, Random& random);

/// The same classes under other circumstances: perhaps another background, light, layout, distance.
World another_view(const World& world, Random& random);

}  // namespace persense::scenes::training
