#include <algorithm>
#include <cmath>

#include "choices.hpp"

namespace persense::scenes::training {

using namespace detail;

namespace {

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

/// How many display values two classes or a class and the background must be apart.
void keep_visible(ClassLook& look, const World& world, Random& random) {
  if (world.mixing == Mixing::emit) return;
  if (world.mixing == Mixing::absorb) {
    look.value = std::min(look.value, chance(random, 0.2f) ? 0.85f : 0.7f);
    return;
  }
  const float background = display_value(world.background.base);
  const float wanted = chance(random, 0.18f) ? 0.07f : random.uniform(0.14f, 0.45f);
  if (std::abs(look.value - background) >= wanted) return;
  const bool up = background < 0.2f || (background < 0.75f && chance(random, 0.5f));
  look.value = std::clamp(up ? background + wanted : background - wanted, 0.03f, 1.0f);
}

}  // namespace

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

}  // namespace persense::scenes::training
