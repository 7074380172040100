#include "world.hpp"

#include <algorithm>
#include <cmath>

#include "choices.hpp"

namespace persense::scenes::training {

using namespace detail;

namespace {

bool is_grey(Imaging imaging) {
  return imaging == Imaging::electron || imaging == Imaging::transmission ||
         imaging == Imaging::xray || imaging == Imaging::phase_contrast;
}

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
void choose_other_background(World& world, Random& random) {
  const BackgroundStyle first = world.background;
  const float smallest = world.classes[0].diameter;
  for (int attempt = 0; attempt < 6; ++attempt) {
    choose_background(world, smallest, random);
    const float light = display_value(world.background.base);
    const bool visible =
        std::all_of(world.classes.begin(), world.classes.end(), [&](const ObjectClass& c) {
          return world.mixing != Mixing::cover || std::abs(c.look.value - light) > 0.12f;
        });
    if (visible) return;
  }
  world.background = first;
}

int class_count(const EpisodeOptions& options, Random& random) {
  const float t = random.uniform();
  if (options.classes > 0) return options.classes;
  return t < 0.2f ? 1 : (t < 0.65f ? 2 : 3);
}

}  // namespace

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
  choose_background(world, diameter, random);
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
  if (chance(random, 0.4f)) choose_other_background(other, random);
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
