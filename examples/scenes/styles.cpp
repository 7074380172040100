// Palettes, and which goes with which class.
#include "styles.hpp"

namespace persense::scenes::detail {
namespace {

struct Variant {
  Background background;
  Colour background_base, background_accent, base, accent;
};

std::vector<Variant> food_variants(Kind kind) {
  const Colour linen = display(178, 166, 146), navy = display(52, 62, 84),
               oak = display(172, 128, 84);
  const Colour oak_dark = display(96, 62, 36), walnut = display(104, 72, 48),
               walnut_dark = display(52, 34, 22);
  switch (kind) {
    case Kind::beans:
      return {{Background::cloth, navy, display(90, 104, 130), display(222, 190, 156),
               display(128, 52, 44)},
              {Background::wood, oak, oak_dark, display(128, 30, 26), display(226, 196, 170)},
              {Background::cloth, display(126, 92, 78), display(160, 124, 104),
               display(236, 226, 200), display(48, 40, 38)},
              {Background::table, display(206, 198, 184), display(160, 152, 140),
               display(204, 162, 120), display(92, 56, 40)}};
    case Kind::berries:
      return {{Background::wood, oak, oak_dark, display(112, 128, 170), display(38, 42, 78)},
              {Background::cloth, linen, display(146, 132, 112), display(164, 14, 26),
               display(214, 60, 52)},
              {Background::wood, walnut, walnut_dark, display(122, 134, 172), display(46, 46, 84)}};
    case Kind::coffee:
      return {{Background::cloth, linen, display(140, 124, 100), display(104, 62, 38),
               display(34, 20, 14)},
              {Background::wood, oak, oak_dark, display(82, 50, 34), display(28, 18, 14)}};
    default:
      return {
          {Background::cloth, display(46, 54, 58), display(76, 84, 88), display(216, 164, 92),
           display(126, 78, 38)},
          {Background::wood, walnut, walnut_dark, display(226, 218, 196), display(250, 248, 240)},
          {Background::table, display(70, 84, 96), display(50, 62, 76), display(206, 150, 84),
           display(112, 68, 34)}};
  }
}

std::vector<Variant> workshop_variants(Kind kind) {
  const Colour felt = display(46, 92, 66), felt_dark = display(30, 66, 48);
  switch (kind) {
    case Kind::coins:
      return {{Background::cloth, felt, felt_dark, display(206, 142, 92), display(92, 52, 32)},
              {Background::wood, display(104, 72, 48), display(52, 34, 22), display(176, 175, 172),
               display(84, 80, 76)},
              {Background::table, display(64, 70, 84), display(42, 46, 58), display(222, 182, 98),
               display(112, 80, 36)}};
    case Kind::hexnuts:
      return {{Background::wood, display(178, 136, 92), display(104, 70, 42),
               display(158, 161, 168), display(92, 74, 60)},
              {Background::table, display(70, 96, 122), display(46, 66, 90), display(206, 182, 120),
               display(120, 90, 50)}};
    default:
      return {{Background::table, display(196, 206, 212), display(150, 164, 176),
               display(206, 40, 38), display(242, 236, 222)},
              {Background::table, display(66, 84, 98), display(44, 58, 74), display(40, 110, 160),
               display(240, 238, 232)},
              {Background::cloth, display(120, 136, 134), display(92, 108, 108),
               display(226, 158, 42), display(60, 116, 74)}};
  }
}

std::vector<Variant> outdoor_variants(Kind kind) {
  const Colour soil = display(84, 62, 46), soil_light = display(146, 116, 86);
  if (kind == Kind::leaves) {
    return {{Background::soil, soil, soil_light, display(96, 132, 48), display(176, 168, 62)},
            {Background::gravel, display(126, 118, 108), display(166, 156, 140),
             display(206, 132, 40), display(176, 62, 32)}};
  }
  return {{Background::gravel, display(176, 152, 118), display(216, 196, 160),
           display(132, 128, 122), display(84, 84, 88)},
          {Background::soil, soil, soil_light, display(150, 142, 130), display(92, 88, 84)}};
}

std::vector<Variant> microscope_variants(Kind kind) {
  if (kind == Kind::cells) {
    return {{Background::dark_field, display(6, 8, 16), display(14, 20, 44), display(70, 128, 235),
             display(0, 0, 0)},
            {Background::dark_field, display(9, 9, 9), display(24, 24, 24), display(188, 188, 188),
             display(0, 0, 0)},
            {Background::dark_field, display(4, 10, 6), display(12, 34, 18), display(84, 214, 112),
             display(0, 0, 0)}};
  }
  return {{Background::tissue, display(236, 222, 230), display(206, 150, 190), display(88, 34, 128),
           display(176, 120, 196)},
          {Background::tissue, display(238, 224, 220), display(224, 160, 172), display(70, 48, 120),
           display(158, 118, 176)}};
}

std::vector<Variant> variants_of(Kind kind) {
  switch (kind) {
    case Kind::beans:
    case Kind::berries:
    case Kind::coffee:
    case Kind::grains:
      return food_variants(kind);
    case Kind::coins:
    case Kind::hexnuts:
    case Kind::pills:
      return workshop_variants(kind);
    case Kind::leaves:
    case Kind::pebbles:
      return outdoor_variants(kind);
    case Kind::cells:
    case Kind::stained:
      return microscope_variants(kind);
  }
  return {};
}

}  // namespace

Colour varied(const Colour& colour, float lightness, float tint, Random& random) {
  const float factor = 1 + lightness * random.normal();
  Colour result;
  for (int i = 0; i < 3; ++i) {
    result[i] = std::clamp(colour[i] * factor * (1 + tint * random.normal()), 0.0f, 1.2f);
  }
  return result;
}

Style draw_style(Kind kind, std::uint64_t style_seed) {
  Random random(style_seed, 0x57F1E, static_cast<std::uint64_t>(kind));
  const std::vector<Variant> variants = variants_of(kind);
  Style style;
  style.kind = kind;
  style.variant = random.below(static_cast<int>(variants.size()));
  const Variant& variant = variants[static_cast<std::size_t>(style.variant)];
  style.background = variant.background;
  style.background_base = varied(variant.background_base, 0.06f, 0.02f, random);
  style.background_accent = varied(variant.background_accent, 0.06f, 0.02f, random);
  style.base = varied(variant.base, 0.04f, 0.02f, random);
  style.accent = varied(variant.accent, 0.04f, 0.02f, random);
  const float turns = random.uniform(0.55f, 0.70f);  // from the upper left, where eyes expect it
  const float level = random.uniform(0.60f, 0.75f);
  style.light_x = level * cosine_of_turns(turns);
  style.light_y = level * sine_of_turns(turns);
  style.light_z = std::sqrt(1 - level * level);
  style.light = {random.uniform(0.98f, 1.08f), 1.0f, random.uniform(0.86f, 1.0f)};
  style.seed = static_cast<std::uint32_t>(random.bits() >> 32);
  return style;
}

}  // namespace persense::scenes::detail
