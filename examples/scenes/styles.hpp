// examples/scenes/styles.hpp: what the objects and backgrounds of each kind look like (internal to
// the library).
#pragma once

#include <cstdint>
#include <opencv2/core.hpp>
#include <vector>

#include "random.hpp"
#include "scene.hpp"

namespace persense::scenes::detail {

/// Linear light, red, green, blue; 1 is white.
using Colour = cv::Vec3f;

/// Linear light of a display colour given in 0..255 (display gamma taken as 2, so its inverse is
/// exact).
inline Colour display(float red, float green, float blue) {
  const auto linear = [](float value) { return (value / 255) * (value / 255); };
  return {linear(red), linear(green), linear(blue)};
}
inline Colour blend(const Colour& a, const Colour& b, float t) { return a * (1 - t) + b * t; }

/// `colour` a little lighter or darker and a little shifted, as one object among others.
Colour varied(const Colour& colour, float lightness, float tint, Random& random);

/// Made to one size in a factory.
inline bool is_manufactured(Kind kind) {
  return kind == Kind::coins || kind == Kind::hexnuts || kind == Kind::pills;
}

/// Outlines. Coordinates (u, v) are the object's own, u along its longer axis; a radius is about 1.
enum class Outline { ellipse, bean, capsule, hexagon_ring, leaf, stone };

/// Textures and reliefs painted inside an outline.
enum class Skin {
  plain,
  speckled,
  marbled,
  blueberry,
  cranberry,
  coffee,
  coffee_back,
  coin,
  wheat,
  rice,
  metal,
  leaf,
  stone,
  capsule,
  fluorescence,
  stain,
  red_cell,
  crumb
};

/// How light meets an object.
enum class Optics { lit, glowing, absorbing };

/// One object's look, all drawn from its own random stream.
struct Body {
  Outline outline = Outline::ellipse;
  Skin skin = Skin::plain;
  Optics optics = Optics::lit;
  float half_length = 1.0f;  ///< along u, in units of the body
  float half_width = 1.0f;   ///< along v
  float bend = 0.0f;         ///< of a bean or leaf; of a stone, which kind of rock
  float roughness = 0.0f;    ///< of the outline, over the radius
  float bevel = 1.0f;        ///< part of the way in at which the top is flat; 1: a full dome
  float thickness = 0.8f;    ///< height of the dome over the half width
  float shine = 0.2f;        ///< strength of highlights
  int shine_sharpness = 4;   ///< highlights are cos^(2^n)
  float blur = 0.0f;         ///< extra width of the edge over the radius; for objects out of focus
  float metallic = 0.0f;     ///< 0: highlights have the light's colour; 1: the object's own
  Colour base{0.5f, 0.5f, 0.5f};
  Colour accent{0.2f, 0.2f, 0.2f};
  std::uint32_t seed = 0;  ///< of its textures
};

/// What the skin is at one point.
struct SkinPoint {
  Colour albedo;
  float bump = 0.0f;   ///< added height over the radius
  float shine = 1.0f;  ///< factor on Body::shine
};

enum class Background { soil, gravel, cloth, wood, table, dark_field, tissue };

/// What all objects and scenes of one class share: drawn from the style seed alone.
struct Style {
  Kind kind = Kind::beans;
  int variant = 0;  ///< of the kind: 0 .. variants - 1
  Background background = Background::table;
  Colour background_base;
  Colour background_accent;
  Colour base;  ///< of the objects
  Colour accent;
  float light_x = -0.5f;  ///< unit vector towards the light; x right, y down, z towards the camera
  float light_y = -0.5f;
  float light_z = 0.7f;
  Colour light{1, 1, 1};  ///< its tint
  std::uint32_t seed = 0;
};

/// The look of the class `kind` under `style_seed`.
Style draw_style(Kind kind, std::uint64_t style_seed);

/// One object of the style's class.
Body draw_body(const Style& style, Random random);

/// One object of another class, of those seen in the same sort of image.
Body draw_distractor(const Style& style, Random random);

/// One piece of debris for the style's background; never counted.
Body draw_crumb(const Style& style, Random random);

/// Pseudo-distance from the outline: below or at 0 inside, -1 at the deepest, smooth, growing
/// outwards.
float outline_value(const Body& body, float u, float v);

/// The skin at (u, v); `depth` runs from 0 at the outline to 1 at the deepest.
SkinPoint skin_at(const Body& body, float u, float v, float depth);

/// The background's linear light at (x, y), in object diameters.
Colour background_at(const Style& style, float x, float y, float clutter, std::uint32_t seed);

}  // namespace persense::scenes::detail
