// Which backgrounds a world may have.
#include <algorithm>
#include <cmath>

#include "choices.hpp"

namespace persense::scenes::training {

using namespace detail;

namespace {

Background background_for(Imaging imaging, Random& random) {
  using enum Background;
  if (free_choice(random)) return any<Background>(random);
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

/// How much of its pattern a background shows, and at which size.
struct Busyness {
  float strength;     ///< 0.3 to 1
  int detail;         ///< size of a texture
  float grain_scale;  ///< texture pixels per pixel of gravel
};

/// Backgrounds of microscopes and scanners.
void choose_even_layers(BackgroundStyle& g, const Busyness& b, Random& random) {
  using enum Background;
  auto& layers = g.layers;
  const auto [busy, detail, grain_scale] = b;
  const auto colours = [&](const Tones& tones) { g.base = tones.base, g.accent = tones.accent; };
  switch (g.kind) {
    case plain:
      layers = {BackgroundLayer{Weave::clouds, 0, 0.4f, 0.03f * busy}};
      break;
    case gradient:
      g.slope = random.uniform(0.2f, 0.9f);
      layers = {BackgroundLayer{Weave::grain, 0, 1, 0.015f}};
      break;
    case haze:
      layers = {BackgroundLayer{Weave::clouds, detail, random.uniform(0.5f, 1.5f), 0.12f * busy,
                                0.25f * busy, 0.3f}};
      break;
    case tissue: {
      const float hue = random.uniform(0.6f, 1.0f);
      colours({from_hsv({hue, random.uniform(0.03f, 0.3f), random.uniform(0.7f, 0.97f)}),
               from_hsv({hue + 0.06f * random.normal(), random.uniform(0.15f, 0.5f),
                         random.uniform(0.5f, 0.85f)})});
      layers = {BackgroundLayer{Weave::clouds, 1, random.uniform(0.7f, 2), 0.05f, 0.6f * busy, 0},
                BackgroundLayer{
                    one_of(random, {Weave::net, Weave::wrinkles, Weave::rough, Weave::ripples}),
                    detail, random.uniform(0.5f, 1.2f), 0.03f, 0.35f * busy, 0.4f}};
      break;
    }
    default:
      break;
  }
}

/// Backgrounds that people make.
void choose_made_layers(BackgroundStyle& g, const Busyness& b, Random& random) {
  using enum Background;
  auto& layers = g.layers;
  const auto [busy, detail, grain_scale] = b;
  const auto colours = [&](const Tones& tones) { g.base = tones.base, g.accent = tones.accent; };
  switch (g.kind) {
    case paper:
      colours({shade_in(random, 0.05f, 0.15f, 0, 0.2f, 0.6f, 0.98f),
               shade_in(random, 0.05f, 0.15f, 0.1f, 0.4f, 0.4f, 0.7f)});
      layers = {BackgroundLayer{Weave::rough, 1, 0.8f, 0.03f * busy, 0.1f, 1},
                BackgroundLayer{Weave::grain, 1, 1, 0.02f * busy}};
      break;
    case wood:
      colours({shade_in(random, 0.05f, 0.11f, 0.3f, 0.7f, 0.45f, 0.85f),
               shade_in(random, 0.03f, 0.09f, 0.4f, 0.8f, 0.2f, 0.5f)});
      layers = {BackgroundLayer{Weave::wood, detail, 0.8f, 0.05f, 0.6f * busy, 0},
                BackgroundLayer{Weave::clouds, 1, 0.5f, 0.08f}};
      break;
    case cloth:
      colours({shade_in(random, 0, 1, 0, 0.9f, 0.15f, 0.95f), g.base});
      layers = {BackgroundLayer{Weave::cloth, detail, random.uniform(0.5f, 1.3f), 0.12f * busy, 0,
                                0, 0.2f * busy},
                BackgroundLayer{Weave::clouds, 1, 0.5f, 0.08f}};
      break;
    case asphalt:
      colours({shade_in(random, 0, 1, 0, 0.1f, 0.25f, 0.6f),
               shade_in(random, 0, 1, 0, 0.1f, 0.5f, 0.8f)});
      layers = {BackgroundLayer{Weave::rough, 2, 1.2f, 0.08f},
                BackgroundLayer{Weave::clouds, 1, 0.5f, 0.1f},
                BackgroundLayer{Weave::scratches, 1, 0.6f, -0.08f * busy}};
      g.ruled_lines = chance(random, 0.4f) ? 2 + random.below(5) : 0;
      g.line_value = random.uniform(1.8f, 4);
      break;
    case tiles:
      colours({shade_in(random, 0, 1, 0, 0.5f, 0.3f, 0.9f),
               shade_in(random, 0, 1, 0, 0.3f, 0.1f, 0.5f)});
      layers = {BackgroundLayer{Weave::tiles, detail, random.uniform(0.4f, 1.2f), 0.15f * busy},
                BackgroundLayer{Weave::rough, 2, 1, 0.06f}};
      break;
    case printed:
      g.accent = from_hsv({random.uniform(), random.uniform(), random.uniform(0.0f, 0.4f)});
      layers = {BackgroundLayer{chance(random, 0.6f) ? Weave::text : Weave::stripes, detail,
                                random.uniform(0.6f, 1.4f), 0, 0.8f * busy, 1.2f},
                BackgroundLayer{Weave::grain, 0, 1, 0.02f}};
      break;
    case metal:
      colours({shade_in(random, 0, 1, 0, 0.12f, 0.3f, 0.85f),
               shade_in(random, 0, 1, 0, 0.1f, 0.6f, 1)});
      layers = {BackgroundLayer{Weave::wood, 2, 0.7f, 0.05f * busy},
                BackgroundLayer{Weave::scratches, 1, 0.7f, 0.05f, 0.4f * busy, 1},
                BackgroundLayer{Weave::clouds, 0, 0.5f, 0.12f}};
      break;
    default:
      break;
  }
}

/// Backgrounds outside.
void choose_natural_layers(BackgroundStyle& g, const Busyness& b, Random& random) {
  using enum Background;
  auto& layers = g.layers;
  const auto [busy, detail, grain_scale] = b;
  const auto colours = [&](const Tones& tones) { g.base = tones.base, g.accent = tones.accent; };
  switch (g.kind) {
    case soil:
      colours({shade_in(random, 0.03f, 0.12f, 0.1f, 0.6f, 0.08f, 0.5f),
               shade_in(random, 0.05f, 0.15f, 0.05f, 0.4f, 0.3f, 0.85f)});
      layers = {BackgroundLayer{Weave::rough, 1, 1, 0.35f * busy, 0, 0, 0.5f * busy},
                BackgroundLayer{Weave::grain_tone, 2, grain_scale, 0.1f, 0.7f * busy, 0.9f},
                BackgroundLayer{Weave::speckles, 2, 1, 0, 0.6f, 1.5f}};
      break;
    case sand:
    case gravel: {
      colours({shade_in(random, 0.05f, 0.14f, 0, 0.5f, 0.25f, 0.85f),
               shade_in(random, 0, 0.2f, 0, 0.4f, 0.15f, 0.95f)});
      const bool coarse = g.kind == gravel;
      const int size = coarse ? 1 : 2;
      const float scale = coarse ? grain_scale : random.uniform(0.5f, 1.4f);
      layers = {BackgroundLayer{Weave::grain_tone, size, scale, 0.2f * busy, 0.4f * busy, 0.7f},
                BackgroundLayer{Weave::grain_dome, size, scale, 0.05f, 0, 0, 0.5f * busy},
                BackgroundLayer{Weave::rough, 1, 1, 0.12f},
                BackgroundLayer{Weave::clouds, 1, 0.5f, 0.1f}};
      break;
    }
    case grass:
      colours({shade_in(random, 0.17f, 0.34f, 0.3f, 0.8f, 0.15f, 0.6f),
               shade_in(random, 0.12f, 0.3f, 0.3f, 0.8f, 0.4f, 0.9f)});
      layers = {BackgroundLayer{Weave::strokes, detail, random.uniform(0.7f, 2.0f), 0.3f * busy,
                                0.5f, 0.5f, 0.2f},
                BackgroundLayer{Weave::clouds, 1, 0.6f, 0.15f}};
      break;
    case water:
      colours({shade_in(random, 0.42f, 0.64f, 0.2f, 0.8f, 0.1f, 0.6f),
               shade_in(random, 0.45f, 0.6f, 0.05f, 0.3f, 0.5f, 0.95f)});
      layers = {BackgroundLayer{Weave::ripples, detail, random.uniform(0.5f, 1.5f), 0.1f * busy,
                                0.25f * busy, 1},
                BackgroundLayer{Weave::rough, 2, 1, 0.06f}};
      break;
    case foliage:
      colours({shade_in(random, 0.15f, 0.38f, 0.3f, 0.8f, 0.1f, 0.45f),
               shade_in(random, 0.12f, 0.32f, 0.3f, 0.8f, 0.3f, 0.75f)});
      layers = {BackgroundLayer{Weave::grain_tone, detail, random.uniform(0.8f, 2.0f), 0.25f * busy,
                                0.5f, 0},
                BackgroundLayer{Weave::rough, 1, 1, 0.25f * busy, 0, 0, 0.4f}};
      break;
    default:
      break;
  }
}

void choose_layers(BackgroundStyle& g, float smallest, Random& random) {
  // Grains of 8 pixels at scale 1 and size 1; they stay well below the objects.
  const float largest = std::max(4.0f, 0.45f * smallest);
  const Busyness busyness{random.uniform(0.3f, 1.0f), random.below(weave_sizes),
                          random.uniform(16.0f / largest, 4.0f)};
  choose_even_layers(g, busyness, random);
  choose_made_layers(g, busyness, random);
  choose_natural_layers(g, busyness, random);
}

}  // namespace

void choose_background(World& world, float smallest, Random& random) {
  BackgroundStyle& g = world.background;
  g = {};
  g.kind = background_for(world.imaging, random);
  g.base =
      from_hsv({random.uniform(),
                chance(random, 0.5f) ? random.uniform(0.0f, 0.12f) : random.uniform(0.1f, 0.9f),
                random.uniform(0.04f, 0.98f)});
  g.accent = from_hsv({random.uniform(), random.uniform(0, 0.5f), random.uniform(0.1f, 0.95f)});
  choose_layers(g, smallest, random);
  const auto scale = [&](float low, float high) {  // the background's own pattern, at another light
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
  if (world.mixing == Mixing::absorb && g.kind != Background::tissue)
    g.base = blend(g.base, Colour{g.base[1], g.base[1], g.base[1]}, 0.7f);
  g.tray = chance(random, world.imaging == Imaging::aerial ? 0.03f : 0.12f);
  g.dish = chance(random, 0.5f);
  if (g.ruled_lines == 0 && chance(random, 0.06f)) {
    g.ruled_lines = 1 + random.below(8);
    g.line_value = chance(random, 0.5f) ? random.uniform(0.2f, 0.7f) : random.uniform(1.3f, 2.5f);
  }
}

}  // namespace persense::scenes::training
