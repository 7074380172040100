#include "world.hpp"

#include <algorithm>
#include <cmath>
#include <initializer_list>

namespace persense::scenes::training {

using namespace detail;

namespace {

bool chance(Random& random, float part) { return random.uniform() < part; }

/// Positive for this part of the draws.
float either_sign(float low, float high, float positive, Random& random) {
  const float size = random.uniform(low, high);
  return chance(random, positive) ? size : -size;
}

template <class T>
T one_of(Random& random, std::initializer_list<T> values) {
  return values.begin()[random.below(static_cast<int>(values.size()))];
}

template <class Enum>
Enum any(Random& random) {
  return static_cast<Enum>(random.below(static_cast<int>(names<Enum>().size())));
}

/// Seven in eight worlds follow what goes together; in the rest everything goes with everything.
bool free_choice(Random& random) { return chance(random, 0.125f); }

float display_value(const Colour& c) { return std::sqrt(0.3f * c[0] + 0.6f * c[1] + 0.1f * c[2]); }

bool is_grey(Imaging imaging) {
  return imaging == Imaging::electron || imaging == Imaging::transmission ||
         imaging == Imaging::xray || imaging == Imaging::phase_contrast;
}

// ---- Objects ----------------------------------------------------------------------------------

Family family_for(Imaging imaging, Random& random) {
  using enum Family;
  if (free_choice(random)) return any<Family>(random);
  switch (imaging) {
    case Imaging::aerial:
      return one_of(random, {car, car, boat, plane, animal, person, tree_crown, tree_crown, blob,
                             packet, bubble, superellipse, ellipse, rounded_polygon, rod});
    case Imaging::fluorescence:
    case Imaging::dark_field:
      return one_of(random,
                    {ellipse, ellipse, ellipse, blob, kidney, bubble, egg, budding, rod, curved_rod,
                     fibre, dumbbell, disc_cell, ring, branch, spindle, clover});
    case Imaging::stained:
    case Imaging::bright_field:
    case Imaging::phase_contrast:
      return one_of(
          random, {ellipse,  ellipse, ellipse, blob,       blob,   kidney, bubble,  disc_cell,
                   budding,  rod,     capsule, curved_rod, spiral, diatom, polygon, rounded_polygon,
                   crystal,  drop,    star,    fibre,      branch, splat,  ring,    insect,
                   crescent, egg});
    case Imaging::electron:
    case Imaging::transmission:
      return one_of(random, {bubble, bubble, ellipse, crystal, polygon, rounded_polygon, blob, rod,
                             curved_rod, fibre, star, superellipse, disc_cell, budding, branch,
                             diatom, splat, ring, egg});
    case Imaging::xray:
      return one_of(random, {screw, ring, hex_nut, bottle, bubble, ellipse, packet, gear, rod, blob,
                             can, egg, capsule});
    default:
      // Most of what people photograph in masses is roundish: seeds, fruit, stones, sweets.
      if (chance(random, 0.5f))
        return one_of(random,
                      {ellipse, ellipse, bubble, egg, blob, kidney, superellipse, rounded_polygon,
                       drop, pear, spindle, capsule, disc_cell, crystal, leaf});
      return any<Family>(random);
  }
}
Material material_for(Imaging imaging, Random& random) {
  using enum Material;
  if (free_choice(random)) return any<Material>(random);
  switch (imaging) {
    case Imaging::photo:
    case Imaging::scan:
      return one_of(random, {matte, matte, matte, glossy, glossy, metal, translucent});
    case Imaging::aerial:
      return one_of(random, {matte, matte, matte, glossy, flat});
    case Imaging::electron:
      return one_of(random, {matte, matte, matte, glossy, flat});
    case Imaging::bright_field:
    case Imaging::phase_contrast:
      return one_of(random, {flat, flat, translucent, membrane, matte});
    default:
      return one_of(random, {flat, flat, flat, matte, translucent, membrane});
  }
}

void choose_material(ClassLook& look, Random& random) {
  using enum Material;
  look.shading = look.specular = 0;
  look.opacity = 1;
  switch (look.material) {
    case flat:
      look.shading = chance(random, 0.7f) ? 0.0f : random.uniform(0.05f, 0.25f);
      break;
    case matte:
      look.shading = random.uniform(0.35f, 1.0f);
      break;
    case glossy:
      look.shading = random.uniform(0.3f, 0.9f);
      look.specular = random.uniform(0.15f, 1.1f);
      look.gloss = 3 + random.below(5);
      break;
    case metal:
      look.shading = random.uniform(0.4f, 0.9f);
      look.specular = random.uniform(0.3f, 1.0f);
      look.gloss = 2 + random.below(4);
      look.saturation = std::min(look.saturation, chance(random, 0.6f) ? 0.12f : 0.5f);
      break;
    case translucent:
      look.shading = random.uniform(0.0f, 0.5f);
      look.opacity = random.uniform(0.35f, 0.8f);
      look.specular = chance(random, 0.5f) ? random.uniform(0.2f, 1.0f) : 0.0f;
      look.gloss = 5;
      look.rim = either_sign(0.2f, 0.9f, 0.7f, random);
      look.rim_width = random.uniform(0.1f, 0.35f);
      break;
    case membrane:
      look.opacity = random.uniform(0.04f, 0.4f);
      look.line = random.uniform(0.6f, 1.0f);
      look.line_width = random.uniform(1.0f, 2.8f);
      look.line_value =
          chance(random, 0.6f) ? random.uniform(0.0f, 0.35f) : random.uniform(0.7f, 1.0f);
      break;
  }
}

void choose_relief(ObjectClass& c, Random& random) {
  ClassLook& look = c.look;
  using enum Family;
  switch (c.shape.family) {
    case car:
    case plane:
    case animal:
    case person:
    case packet:
    case insect:
      look.relief = Relief::composite;
      break;
    case disc_cell:
      look.relief = Relief::dimple;
      break;
    case crystal:
      look.relief = chance(random, 0.6f) ? Relief::cone : Relief::plateau;
      break;
    case hex_nut:
    case hex_bolt:
    case gear:
      look.relief = Relief::plateau;
      break;
    default:
      look.relief = one_of(random, {Relief::dome, Relief::dome, Relief::dome, Relief::plateau,
                                    Relief::flat, Relief::cone, Relief::dimple});
  }
  if (look.material == Material::glossy && look.relief == Relief::flat) look.relief = Relief::dome;
  look.bulge = random.uniform(0.3f, 1.0f);
  look.bumps = one_of(random, {Weave::rough, Weave::wrinkles, Weave::clouds, Weave::net,
                               Weave::speckles, Weave::grain_dome, Weave::stripes});
  look.bump_height = chance(random, 0.45f) ? 0.0f : random.uniform(0.01f, 0.12f);
}

void choose_pattern(ClassLook& look, Random& random) {
  using enum Pattern;
  look.pattern = chance(random, 0.25f) ? any<Pattern>(random)
                                       : one_of(random, {plain, plain, mottled, mottled, mottled,
                                                         marbled, gradient, spots, patches});
  look.weave_size = random.below(weave_sizes);
  look.weave_scale = skewed(10, 60, random);
  look.pattern_strength = random.uniform(0.15f, 0.9f);
  look.pattern_place = random.uniform(-1, 1);
  look.weave = one_of(
      random, {Weave::clouds, Weave::rough, Weave::grain, Weave::wrinkles, Weave::marble,
               Weave::wood, Weave::grain_tone, Weave::net, Weave::strokes, Weave::scratches});
  if (look.pattern == marbled)
    look.weave = one_of(random, {Weave::marble, Weave::clouds, Weave::wood, Weave::rough});
  if (look.pattern == spots)
    look.weave = chance(random, 0.7f) ? Weave::speckles : Weave::grain_tone;
  if (look.pattern == stripes) look.weave = Weave::stripes;
  if (look.pattern == letters) look.weave = Weave::text, look.weave_scale = random.uniform(30, 80);
}

void choose_colours(ClassLook& look, Imaging imaging, Random& random) {
  const bool vivid = chance(random, 0.45f);
  look.hue =
      chance(random, 0.4f) ? random.uniform(0.02f, 0.16f) : random.uniform();  // browns are common
  look.saturation = vivid ? random.uniform(0.45f, 1.0f) : random.uniform(0.0f, 0.45f);
  look.value = random.uniform(0.08f, 1.0f);
  look.hue2 = look.hue + (chance(random, 0.5f) ? 0.06f * random.normal() : random.uniform());
  look.saturation2 = clamp01(look.saturation + random.uniform(-0.5f, 0.4f));
  look.value2 = clamp01(look.value + random.uniform(-0.6f, 0.6f));
  look.hue_spread =
      chance(random, 0.6f) ? random.uniform(0.0f, 0.015f) : skewed(0.01f, 0.25f, random);
  look.value_spread =
      chance(random, 0.6f) ? random.uniform(0.01f, 0.08f) : random.uniform(0.08f, 0.35f);
  look.other_share = chance(random, 0.12f) ? random.uniform(0.1f, 0.5f) : 0.0f;
  if (imaging == Imaging::stained) {
    look.hue = chance(random, 0.75f) ? random.uniform(0.62f, 0.95f) : random.uniform();
    look.saturation = random.uniform(0.3f, 0.85f);
    look.value = random.uniform(0.25f, 0.8f);
    look.hue2 = look.hue + 0.05f * random.normal();
    look.value2 = clamp01(look.value - random.uniform(0.1f, 0.4f));
  }
  if (imaging == Imaging::fluorescence || imaging == Imaging::dark_field) {
    look.value = random.uniform(0.35f, 1.0f);
    look.value2 = clamp01(look.value + random.uniform(-0.5f, 0.3f));
    if (chance(random, 0.5f)) look.value_spread = random.uniform(0.1f, 0.6f);
  }
}

void choose_outline(ClassLook& look, const World& world, Random& random) {
  if (chance(random, 0.3f)) {
    look.rim = either_sign(0.1f, 0.6f, 0.5f, random);
    look.rim_width = random.uniform(0.08f, 0.4f);
  }
  if (chance(random, 0.15f)) {
    look.line = random.uniform(0.3f, 1.0f);
    look.line_width = random.uniform(0.8f, 2.0f);
    look.line_value = random.uniform();
  }
  look.softness = chance(random, 0.7f) ? random.uniform(0.8f, 1.4f) : random.uniform(1.4f, 4.0f);
  if (world.mixing != Mixing::cover) {
    look.thickness = chance(random, 0.4f) ? 0.0f : random.uniform(0.2f, 0.9f);
    if (world.mixing == Mixing::emit && chance(random, 0.5f))
      look.softness = random.uniform(1.2f, 4.0f);
  }
  if (world.imaging == Imaging::electron) look.edge_glow = random.uniform(0.1f, 1.2f);
}

/// How many display values two classes or a class and the ground must be apart.
void keep_visible(ClassLook& look, const World& world, Random& random) {
  if (world.mixing == Mixing::emit) return;
  if (world.mixing == Mixing::absorb) {
    look.value = std::min(look.value, chance(random, 0.2f) ? 0.85f : 0.7f);
    return;
  }
  const float ground = display_value(world.ground.base);
  const float wanted = chance(random, 0.18f) ? 0.07f : random.uniform(0.14f, 0.45f);
  if (std::abs(look.value - ground) >= wanted) return;
  const bool up = ground < 0.2f || (ground < 0.75f && chance(random, 0.5f));
  look.value = std::clamp(up ? ground + wanted : ground - wanted, 0.03f, 1.0f);
}

ObjectClass random_class(const World& world, float diameter, Random& random) {
  ObjectClass c;
  c.shape = random_class_shape(family_for(world.imaging, random), random);
  c.diameter = diameter;
  const float t = random.uniform();
  c.size_spread = t < 0.45f ? random.uniform(0.02f, 0.12f)
                            : (t < 0.8f ? random.uniform(0.12f, 0.3f) : random.uniform(0.3f, 0.6f));
  c.look.material = material_for(world.imaging, random);
  choose_colours(c.look, world.imaging, random);
  choose_outline(c.look, world, random);
  choose_material(c.look, random);
  choose_relief(c, random);
  choose_pattern(c.look, random);
  if ((world.imaging == Imaging::stained || world.imaging == Imaging::bright_field) &&
      chance(random, 0.25f))
    c.look.pattern = Pattern::nucleus;
  keep_visible(c.look, world, random);
  return c;
}

/// A class that differs from `other` in one or two respects only.
ObjectClass look_alike(const World& world, const ObjectClass& other, Random& random) {
  ObjectClass c = random_class(world, other.diameter, random);
  const int respect = random.below(5), second = chance(random, 0.5f) ? random.below(5) : respect;
  const auto keeps = [&](int r) { return r != respect && r != second; };
  if (keeps(0)) c.shape = other.shape;
  const ClassLook own = c.look;
  c.look = other.look;
  if (!keeps(0)) c.look.relief = own.relief, c.look.bulge = own.bulge;
  if (!keeps(1)) {
    c.look.hue = own.hue, c.look.saturation = own.saturation, c.look.value = own.value;
    c.look.hue2 = own.hue2, c.look.value2 = own.value2;
  }
  if (!keeps(2)) {
    c.look.pattern = own.pattern, c.look.weave = own.weave, c.look.weave_scale = own.weave_scale;
    c.look.pattern_strength = own.pattern_strength, c.look.bump_height = own.bump_height;
  }
  if (!keeps(3)) {
    c.look.material = own.material, c.look.shading = own.shading, c.look.specular = own.specular;
    c.look.opacity = own.opacity, c.look.rim = own.rim, c.look.line = own.line;
  }
  if (!keeps(4))
    c.diameter *= chance(random, 0.5f) ? random.uniform(1.3f, 2.2f) : random.uniform(0.45f, 0.75f);
  c.size_spread = other.size_spread;
  return c;
}

// ---- Grounds ----------------------------------------------------------------------------------

Ground ground_for(Imaging imaging, Random& random) {
  using enum Ground;
  if (free_choice(random)) return any<Ground>(random);
  switch (imaging) {
    case Imaging::photo:
      return one_of(random, {plain, gradient, paper, wood, cloth, soil, sand, gravel, grass, tiles,
                             printed, metal, foliage, asphalt, water});
    case Imaging::scan:
      return one_of(random, {plain, plain, gradient, paper, cloth, printed});
    case Imaging::aerial:
      return one_of(random, {grass, soil, sand, water, asphalt, asphalt, tiles, foliage, gravel});
    case Imaging::stained:
    case Imaging::bright_field:
      return one_of(random, {plain, plain, gradient, tissue, tissue, haze, printed});
    case Imaging::electron:
      return one_of(random, {plain, gradient, haze, sand, gravel, metal, water});
    default:
      return one_of(random, {plain, plain, gradient, haze, haze, tissue});
  }
}

/// Hue, saturation and display value in these ranges.
Colour shade_in(Random& random, float hue0, float hue1, float s0, float s1, float v0, float v1) {
  return from_hsv({random.uniform(hue0, hue1), random.uniform(s0, s1), random.uniform(v0, v1)});
}

/// Lists in braces are made from left to right, arguments of functions in any order: whatever draws
/// more than one number is a list.
struct Tones {
  Colour base, accent;
};

/// How much of its pattern a ground shows, and at which size.
struct Busyness {
  float strength;     ///< 0.3 to 1
  int detail;         ///< size of a texture
  float grain_scale;  ///< texture pixels per pixel of gravel
};

/// Grounds of microscopes and scanners.
void choose_even_layers(GroundStyle& g, const Busyness& b, Random& random) {
  using enum Ground;
  auto& layers = g.layers;
  const auto [busy, detail, grain_scale] = b;
  const auto colours = [&](const Tones& tones) { g.base = tones.base, g.accent = tones.accent; };
  switch (g.kind) {
    case plain:
      layers = {GroundLayer{Weave::clouds, 0, 0.4f, 0.03f * busy}};
      break;
    case gradient:
      g.slope = random.uniform(0.2f, 0.9f);
      layers = {GroundLayer{Weave::grain, 0, 1, 0.015f}};
      break;
    case haze:
      layers = {GroundLayer{Weave::clouds, detail, random.uniform(0.5f, 1.5f), 0.12f * busy,
                            0.25f * busy, 0.3f}};
      break;
    case tissue: {
      const float hue = random.uniform(0.6f, 1.0f);
      colours({from_hsv({hue, random.uniform(0.03f, 0.3f), random.uniform(0.7f, 0.97f)}),
               from_hsv({hue + 0.06f * random.normal(), random.uniform(0.15f, 0.5f),
                         random.uniform(0.5f, 0.85f)})});
      layers = {
          GroundLayer{Weave::clouds, 1, random.uniform(0.7f, 2), 0.05f, 0.6f * busy, 0},
          GroundLayer{one_of(random, {Weave::net, Weave::wrinkles, Weave::rough, Weave::ripples}),
                      detail, random.uniform(0.5f, 1.2f), 0.03f, 0.35f * busy, 0.4f}};
      break;
    }
    default:
      break;
  }
}

/// Grounds that people make.
void choose_made_layers(GroundStyle& g, const Busyness& b, Random& random) {
  using enum Ground;
  auto& layers = g.layers;
  const auto [busy, detail, grain_scale] = b;
  const auto colours = [&](const Tones& tones) { g.base = tones.base, g.accent = tones.accent; };
  switch (g.kind) {
    case paper:
      colours({shade_in(random, 0.05f, 0.15f, 0, 0.2f, 0.6f, 0.98f),
               shade_in(random, 0.05f, 0.15f, 0.1f, 0.4f, 0.4f, 0.7f)});
      layers = {GroundLayer{Weave::rough, 1, 0.8f, 0.03f * busy, 0.1f, 1},
                GroundLayer{Weave::grain, 1, 1, 0.02f * busy}};
      break;
    case wood:
      colours({shade_in(random, 0.05f, 0.11f, 0.3f, 0.7f, 0.45f, 0.85f),
               shade_in(random, 0.03f, 0.09f, 0.4f, 0.8f, 0.2f, 0.5f)});
      layers = {GroundLayer{Weave::wood, detail, 0.8f, 0.05f, 0.6f * busy, 0},
                GroundLayer{Weave::clouds, 1, 0.5f, 0.08f}};
      break;
    case cloth:
      colours({shade_in(random, 0, 1, 0, 0.9f, 0.15f, 0.95f), g.base});
      layers = {GroundLayer{Weave::cloth, detail, random.uniform(0.5f, 1.3f), 0.12f * busy, 0, 0,
                            0.2f * busy},
                GroundLayer{Weave::clouds, 1, 0.5f, 0.08f}};
      break;
    case asphalt:
      colours({shade_in(random, 0, 1, 0, 0.1f, 0.25f, 0.6f),
               shade_in(random, 0, 1, 0, 0.1f, 0.5f, 0.8f)});
      layers = {GroundLayer{Weave::rough, 2, 1.2f, 0.08f},
                GroundLayer{Weave::clouds, 1, 0.5f, 0.1f},
                GroundLayer{Weave::scratches, 1, 0.6f, -0.08f * busy}};
      g.ruled_lines = chance(random, 0.4f) ? 2 + random.below(5) : 0;
      g.line_value = random.uniform(1.8f, 4);
      break;
    case tiles:
      colours({shade_in(random, 0, 1, 0, 0.5f, 0.3f, 0.9f),
               shade_in(random, 0, 1, 0, 0.3f, 0.1f, 0.5f)});
      layers = {GroundLayer{Weave::tiles, detail, random.uniform(0.4f, 1.2f), 0.15f * busy},
                GroundLayer{Weave::rough, 2, 1, 0.06f}};
      break;
    case printed:
      g.accent = from_hsv({random.uniform(), random.uniform(), random.uniform(0.0f, 0.4f)});
      layers = {GroundLayer{chance(random, 0.6f) ? Weave::text : Weave::stripes, detail,
                            random.uniform(0.6f, 1.4f), 0, 0.8f * busy, 1.2f},
                GroundLayer{Weave::grain, 0, 1, 0.02f}};
      break;
    case metal:
      colours({shade_in(random, 0, 1, 0, 0.12f, 0.3f, 0.85f),
               shade_in(random, 0, 1, 0, 0.1f, 0.6f, 1)});
      layers = {GroundLayer{Weave::wood, 2, 0.7f, 0.05f * busy},
                GroundLayer{Weave::scratches, 1, 0.7f, 0.05f, 0.4f * busy, 1},
                GroundLayer{Weave::clouds, 0, 0.5f, 0.12f}};
      break;
    default:
      break;
  }
}

/// Grounds outside.
void choose_natural_layers(GroundStyle& g, const Busyness& b, Random& random) {
  using enum Ground;
  auto& layers = g.layers;
  const auto [busy, detail, grain_scale] = b;
  const auto colours = [&](const Tones& tones) { g.base = tones.base, g.accent = tones.accent; };
  switch (g.kind) {
    case soil:
      colours({shade_in(random, 0.03f, 0.12f, 0.1f, 0.6f, 0.08f, 0.5f),
               shade_in(random, 0.05f, 0.15f, 0.05f, 0.4f, 0.3f, 0.85f)});
      layers = {GroundLayer{Weave::rough, 1, 1, 0.35f * busy, 0, 0, 0.5f * busy},
                GroundLayer{Weave::grain_tone, 2, grain_scale, 0.1f, 0.7f * busy, 0.9f},
                GroundLayer{Weave::speckles, 2, 1, 0, 0.6f, 1.5f}};
      break;
    case sand:
    case gravel: {
      colours({shade_in(random, 0.05f, 0.14f, 0, 0.5f, 0.25f, 0.85f),
               shade_in(random, 0, 0.2f, 0, 0.4f, 0.15f, 0.95f)});
      const bool coarse = g.kind == gravel;
      const int size = coarse ? 1 : 2;
      const float scale = coarse ? grain_scale : random.uniform(0.5f, 1.4f);
      layers = {GroundLayer{Weave::grain_tone, size, scale, 0.2f * busy, 0.4f * busy, 0.7f},
                GroundLayer{Weave::grain_dome, size, scale, 0.05f, 0, 0, 0.5f * busy},
                GroundLayer{Weave::rough, 1, 1, 0.12f}, GroundLayer{Weave::clouds, 1, 0.5f, 0.1f}};
      break;
    }
    case grass:
      colours({shade_in(random, 0.17f, 0.34f, 0.3f, 0.8f, 0.15f, 0.6f),
               shade_in(random, 0.12f, 0.3f, 0.3f, 0.8f, 0.4f, 0.9f)});
      layers = {GroundLayer{Weave::strokes, detail, random.uniform(0.7f, 2.0f), 0.3f * busy, 0.5f,
                            0.5f, 0.2f},
                GroundLayer{Weave::clouds, 1, 0.6f, 0.15f}};
      break;
    case water:
      colours({shade_in(random, 0.42f, 0.64f, 0.2f, 0.8f, 0.1f, 0.6f),
               shade_in(random, 0.45f, 0.6f, 0.05f, 0.3f, 0.5f, 0.95f)});
      layers = {GroundLayer{Weave::ripples, detail, random.uniform(0.5f, 1.5f), 0.1f * busy,
                            0.25f * busy, 1},
                GroundLayer{Weave::rough, 2, 1, 0.06f}};
      break;
    case foliage:
      colours({shade_in(random, 0.15f, 0.38f, 0.3f, 0.8f, 0.1f, 0.45f),
               shade_in(random, 0.12f, 0.32f, 0.3f, 0.8f, 0.3f, 0.75f)});
      layers = {
          GroundLayer{Weave::grain_tone, detail, random.uniform(0.8f, 2.0f), 0.25f * busy, 0.5f, 0},
          GroundLayer{Weave::rough, 1, 1, 0.25f * busy, 0, 0, 0.4f}};
      break;
    default:
      break;
  }
}

void choose_layers(GroundStyle& g, float smallest, Random& random) {
  // Grains of 8 pixels at scale 1 and size 1; they stay well below the objects.
  const float largest = std::max(4.0f, 0.45f * smallest);
  const Busyness busyness{random.uniform(0.3f, 1.0f), random.below(weave_sizes),
                          random.uniform(16.0f / largest, 4.0f)};
  choose_even_layers(g, busyness, random);
  choose_made_layers(g, busyness, random);
  choose_natural_layers(g, busyness, random);
}

void choose_ground(World& world, float smallest, Random& random) {
  GroundStyle& g = world.ground;
  g = {};
  g.kind = ground_for(world.imaging, random);
  g.base =
      from_hsv({random.uniform(),
                chance(random, 0.5f) ? random.uniform(0.0f, 0.12f) : random.uniform(0.1f, 0.9f),
                random.uniform(0.04f, 0.98f)});
  g.accent = from_hsv({random.uniform(), random.uniform(0, 0.5f), random.uniform(0.1f, 0.95f)});
  choose_layers(g, smallest, random);
  const auto scale = [&](float low, float high) {  // the ground's own pattern, at another light
    const float wanted = random.uniform(low, high),
                factor = wanted * wanted /
                         std::max(1e-3f, display_value(g.base) * display_value(g.base));
    for (int c = 0; c < 3; ++c) {
      const auto i = static_cast<std::size_t>(c);
      g.base[i] = std::min(1.0f, g.base[i] * factor);
      g.accent[i] = std::min(1.0f, g.accent[i] * factor);
    }
  };
  if (world.mixing == Mixing::absorb) scale(0.72f, 0.98f);
  if (world.mixing == Mixing::emit) scale(0.0f, chance(random, 0.7f) ? 0.12f : 0.35f);
  if (world.imaging == Imaging::scan && chance(random, 0.5f)) scale(0.0f, 0.12f);
  if (world.imaging == Imaging::phase_contrast) scale(0.35f, 0.75f);
  if (world.mixing == Mixing::absorb && g.kind != Ground::tissue)
    g.base = blend(g.base, Colour{g.base[1], g.base[1], g.base[1]}, 0.7f);
  g.tray = chance(random, world.imaging == Imaging::aerial ? 0.03f : 0.12f);
  g.dish = chance(random, 0.5f);
  if (g.ruled_lines == 0 && chance(random, 0.06f)) {
    g.ruled_lines = 1 + random.below(8);
    g.line_value = chance(random, 0.5f) ? random.uniform(0.2f, 0.7f) : random.uniform(1.3f, 2.5f);
  }
}

// ---- Light, lens and sensor -------------------------------------------------------------------

void choose_light(World& world, Random& random) {
  const float turn = random.uniform(), height = random.uniform(0.45f, 1.6f);
  const float inverse = 1 / std::sqrt(1 + height * height);
  world.light = {cosine_of_turns(turn) * inverse, sine_of_turns(turn) * inverse, height * inverse};
  world.ambient = random.uniform(0.15f, 0.7f);
  if (world.mixing != Mixing::cover) return;
  const bool outside = world.imaging == Imaging::aerial;
  const bool solid = outside || world.imaging == Imaging::photo || world.imaging == Imaging::scan;
  if (solid && chance(random, 0.75f)) {
    world.shadow = random.uniform(0.2f, 0.75f);
    world.shadow_length = outside ? random.uniform(0.15f, 1.1f) : random.uniform(0.03f, 0.4f);
    world.shadow_softness =
        outside || chance(random, 0.35f) ? random.uniform(0.8f, 2) : random.uniform(2, 9);
  }
  if (chance(random, solid ? 0.7f : 0.35f)) {
    world.contact = random.uniform(0.2f, 0.75f);
    world.contact_width = random.uniform(1.0f, 4.5f);
  }
  if (world.imaging == Imaging::phase_contrast || chance(random, 0.04f)) {
    world.halo = random.uniform(0.08f, 0.45f);
    world.halo_width = random.uniform(2, 8);
  }
}

void choose_noise(Sensor& s, bool dark, Random& random) {
  const float t = random.uniform();
  s.read_noise =
      t < 0.3f ? 0.0f : (t < 0.8f ? random.uniform(0.003f, 0.02f) : random.uniform(0.02f, 0.07f));
  if (chance(random, dark ? 0.7f : 0.35f)) s.shot_noise = skewed(0.005f, 0.09f, random);
  s.noise_grey = chance(random, 0.4f);
  s.noise_soft = chance(random, 0.3f);
  const float q = random.uniform();
  s.jpeg_quality = q < 0.4f ? 0 : (q < 0.8f ? 70 + random.below(28) : 25 + random.below(45));
}

void choose_sensor(World& world, Random& random) {
  Sensor& s = world.sensor;
  const bool dark = world.mixing == Mixing::emit;
  s.vignette = chance(random, 0.5f) ? random.uniform(0, 0.35f) : 0.0f;
  s.uneven = chance(random, 0.5f) ? random.uniform(0, 0.4f) : 0.0f;
  const float b = random.uniform();
  s.blur = b < 0.4f ? 0.0f : (b < 0.85f ? random.uniform(0.4f, 1.0f) : random.uniform(1.0f, 2.2f));
  s.haze = chance(random, dark ? 0.6f : 0.12f) ? random.uniform(0.05f, 0.45f) : 0.0f;
  s.motion = chance(random, 0.05f) ? 2 + random.below(4) : 0;
  s.coarse = chance(random, 0.08f);
  s.sharpen = chance(random, 0.2f) ? random.uniform(0.3f, 1.2f) : 0.0f;
  s.exposure = chance(random, 0.75f) ? random.uniform(0.7f, 1.15f)
                                     : random.uniform(dark ? 0.05f : 0.25f, 1.4f);
  s.black = chance(random, 0.3f) ? random.uniform(0, 0.12f) : 0.0f;
  s.gamma = dark ? random.uniform(0, 1) : random.uniform(0.7f, 1.1f);
  if (chance(random, 0.35f))
    for (float& channel : s.cast) channel = random.uniform(0.75f, 1.2f);
  choose_noise(s, dark, random);
  s.grey = is_grey(world.imaging)
               ? chance(random, 0.95f)
               : chance(random, world.imaging == Imaging::fluorescence ? 0.65f : 0.12f);
  s.tint = s.grey && chance(random, dark ? 0.3f : 0.06f) ? random.uniform(0.01f, 1.0f) : 0.0f;
  s.negative = chance(random, is_grey(world.imaging) ? 0.1f : 0.01f);
}

void choose_layout(World& world, Random& random) {
  world.layout =
      one_of(random, {Layout::scattered, Layout::scattered, Layout::touching, Layout::touching,
                      Layout::heaped, Layout::heaped, Layout::rows, Layout::clusters,
                      Layout::clusters, Layout::chains, Layout::packed});
  world.crowding = chance(random, 0.18f) ? random.uniform(0.04f, 0.2f) : random.uniform(0.2f, 0.9f);
  switch (world.layout) {
    case Layout::heaped:
      world.overlap = random.uniform(0.2f, 0.6f);
      world.crowding = random.uniform(0.5f, 1.8f);
      if (world.mixing != Mixing::cover) {  // what lies below shines through
        world.overlap *= 0.5f;
        world.crowding *= 0.6f;
      }
      break;
    case Layout::touching:
    case Layout::chains:
      world.overlap = random.uniform(0.0f, 0.06f);
      break;
    default:
      world.overlap = chance(random, 0.5f) ? 0.0f : random.uniform(0, 0.3f);
  }
  world.aligned = chance(random, 0.14f) || (world.layout == Layout::rows && chance(random, 0.6f));
  world.direction = random.uniform();
  world.gap = chance(random, 0.5f) ? random.uniform(0.3f, 2) : random.uniform(2, 6);
  world.jitter = random.uniform(0.05f, 0.45f);
  world.holes = chance(random, 0.4f) ? random.uniform(0.05f, 0.5f) : 0.0f;
  world.squeeze =
      world.imaging == Imaging::photo && chance(random, 0.25f) ? random.uniform(0.6f, 1.0f) : 1.0f;
  world.debris = chance(random, 0.45f) ? random.below(60) : 0;
  world.strangers = chance(random, 0.12f) ? 1 + random.below(5) : 0;
  world.dim_share = chance(random, 0.25f) ? random.uniform(0.1f, 0.5f) : 0.0f;
}

Mixing mixing_for(Imaging imaging, Random& random) {
  switch (imaging) {
    case Imaging::fluorescence:
    case Imaging::dark_field:
      return Mixing::emit;
    case Imaging::bright_field:
    case Imaging::stained:
    case Imaging::transmission:
      return chance(random, 0.7f) ? Mixing::absorb : Mixing::cover;
    case Imaging::xray:
      return chance(random, 0.5f) ? Mixing::absorb : Mixing::emit;
    default:
      return Mixing::cover;
  }
}

/// Cells that fill a frame have no shape of their own, so packed worlds stay packed.
void choose_other_layout(World& world, Random& random) {
  if (world.layout == Layout::packed) return;
  do choose_layout(world, random);
  while (world.layout == Layout::packed);
}

/// No blur that would leave nothing of the smallest class's shape.
void keep_sharp(World& world) {
  float smallest = world.classes[0].diameter;
  for (ObjectClass& c : world.classes) {
    smallest = std::min(smallest, c.diameter);
    c.look.softness = std::min(c.look.softness, std::max(0.8f, 0.18f * c.diameter));
  }
  Sensor& s = world.sensor;
  s.blur = std::min(s.blur, 0.06f * smallest + 0.2f);
  s.motion = std::min(s.motion, static_cast<int>(0.25f * smallest));
  s.coarse = s.coarse && smallest > 16;
}

/// Another one on which every class is seen as well, if a few tries find it.
void choose_other_ground(World& world, Random& random) {
  const GroundStyle first = world.ground;
  const float smallest = world.classes[0].diameter;
  for (int attempt = 0; attempt < 6; ++attempt) {
    choose_ground(world, smallest, random);
    const float light = display_value(world.ground.base);
    const bool visible =
        std::all_of(world.classes.begin(), world.classes.end(), [&](const ObjectClass& c) {
          return world.mixing != Mixing::cover || std::abs(c.look.value - light) > 0.12f;
        });
    if (visible) return;
  }
  world.ground = first;
}

ObjectClass random_host(const World& world, Random& random) {
  using enum Family;
  ObjectClass host = random_class(world, random.uniform(1.8f, 3.2f), random);
  host.shape =
      random_class_shape(one_of(random, {blob, blob, ellipse, rounded_polygon, egg}), random);
  host.size_spread = 0.12f;
  ClassLook& look = host.look;
  const ClassLook& owner = world.classes[0].look;
  look.material = Material::flat;
  look.relief = Relief::flat;
  look.shading = look.specular = look.edge_glow = look.line = 0;
  look.softness = random.uniform(1, 3);
  look.opacity = random.uniform(0.2f, 0.6f);
  look.hue = owner.hue + 0.05f * random.normal();
  look.saturation = owner.saturation * random.uniform(0.3f, 1.0f);
  look.value = world.mixing == Mixing::emit
                   ? owner.value * random.uniform(0.2f, 0.5f)
                   : std::min(0.9f, owner.value + random.uniform(0.1f, 0.4f));
  return host;
}

int class_count(const EpisodeOptions& options, Random& random) {
  const float t = random.uniform();
  if (options.classes > 0) return options.classes;
  return t < 0.2f ? 1 : (t < 0.65f ? 2 : 3);
}

}  // namespace

float skewed(float low, float high, Random& random) {
  const float a = 1 / std::sqrt(low), b = 1 / std::sqrt(high);
  const float x = a + (b - a) * random.uniform();
  return 1 / (x * x);
}

Colour from_hsv(const Hsv& shown_as) {
  const float h = (shown_as.hue - std::floor(shown_as.hue)) * 6;
  const auto channel = [&](float shift) {
    const float k = h + shift - (h + shift >= 6 ? 6.0f : 0.0f);
    const float part = clamp01(std::min(k, 4 - k));
    const float shown = shown_as.value * (1 - shown_as.saturation * part);
    return shown * shown;  // display gamma taken as 2
  };
  return {channel(5), channel(3), channel(1)};
}

Colour blend(const Colour& a, const Colour& b, float t) {
  return {a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]), a[2] + t * (b[2] - a[2])};
}

World random_world(const EpisodeOptions& options, Random& random) {
  World world;
  world.imaging = one_of(
      random,
      {Imaging::photo,        Imaging::photo,        Imaging::photo,        Imaging::photo,
       Imaging::scan,         Imaging::scan,         Imaging::aerial,       Imaging::aerial,
       Imaging::bright_field, Imaging::bright_field, Imaging::stained,      Imaging::stained,
       Imaging::dark_field,   Imaging::fluorescence, Imaging::fluorescence, Imaging::phase_contrast,
       Imaging::electron,     Imaging::electron,     Imaging::transmission, Imaging::xray});
  world.mixing = mixing_for(world.imaging, random);
  const float shown = chance(random, 0.3f) ? skewed(8, 20, random) : skewed(13, 64, random);
  const float diameter = shown * static_cast<float>(options.size) / 224;
  choose_ground(world, diameter, random);
  choose_light(world, random);
  choose_layout(world, random);
  choose_sensor(world, random);
  const int classes = class_count(options, random);
  for (int i = 0; i < classes; ++i) {
    const float own = diameter * (i == 0 ? 1.0f : random.uniform(0.6f, 1.5f));
    world.classes.push_back(i > 0 && chance(random, 0.4f)
                                ? look_alike(world, world.classes[0], random)
                                : random_class(world, own, random));
  }
  for (int i = 0; i < 2; ++i) {
    ObjectClass bits = random_class(world, random.uniform(0.08f, 0.35f) * diameter, random);
    if (chance(random, 0.75f)) {
      using enum Family;
      bits.shape = random_class_shape(
          one_of(random, {blob, crystal, splat, fibre, curved_rod, tree_crown, star, leaf}),
          random);
      bits.shape.irregularity = 0.2f;
    }
    bits.size_spread = 0.5f;
    world.debris_classes.push_back(bits);
  }
  ObjectClass stranger = random_class(world, random.uniform(2, 4.5f) * diameter, random);
  stranger.look.softness = random.uniform(4, 14);
  stranger.look.specular = stranger.look.line = 0;
  stranger.look.opacity *= random.uniform(0.3f, 0.9f);
  world.stranger_classes.push_back(stranger);
  if (chance(random, world.mixing == Mixing::cover ? 0.05f : 0.15f))
    world.host_classes.push_back(random_host(world, random));
  keep_sharp(world);
  return world;
}

World another_view(const World& world, Random& random) {
  World other = world;
  if (chance(random, 0.4f)) choose_other_ground(other, random);
  if (chance(random, 0.4f)) choose_light(other, random);
  if (chance(random, 0.4f)) choose_other_layout(other, random);
  Sensor& s = other.sensor;
  const Sensor first = s;
  if (chance(random, 0.5f)) {
    choose_sensor(other, random);
    s.grey = first.grey, s.tint = first.tint, s.negative = first.negative;
    s.gamma = first.gamma, s.exposure = first.exposure, s.haze = first.haze, s.cast = first.cast;
  }
  s.exposure *= random.uniform(0.75f, 1.3f);
  if (chance(random, 0.4f))
    for (float& channel : s.cast) channel *= random.uniform(0.88f, 1.12f);
  if (chance(random, 0.35f)) {
    const float zoom = random.uniform(0.65f, 1.5f);
    for (ObjectClass& c : other.classes) c.diameter *= zoom;
  }
  keep_sharp(other);
  return other;
}

}  // namespace persense::scenes::training
