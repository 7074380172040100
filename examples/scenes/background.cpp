// examples/scenes/background.cpp: what lies under the objects. Every background is a function of
// the position alone, so rows can be computed in any order.
#include "styles.hpp"

namespace persense::scenes::detail {
namespace {

/// 0 to 1, the colour value of a cell.
float cell_value(const CellPoint& cell) { return static_cast<float>(cell.bits & 0xFFFFu) / 65536; }

/// Light on a small dome, as a factor: the side towards the light is brighter.
float dome_light(const Style& style, const CellPoint& cell, float slope) {
  return 1 + slope * (cell.dx * style.light_x + cell.dy * style.light_y);
}

Colour soil_at(const Style& style, float x, float y, float clutter, std::uint32_t seed) {
  const float patches = fractal_noise(x * 0.6f, y * 0.6f, 4, seed);
  // Bent coordinates, so that the cells do not look laid by hand.
  const float bx = x + 0.10f * fractal_noise(x * 4, y * 4, 3, seed + 5);
  const float by = y + 0.10f * fractal_noise(x * 4, y * 4, 3, seed + 6);
  const CellPoint clods = cellular_noise(bx * 3.5f, by * 3.5f, seed + 1);
  const CellPoint grains = cellular_noise(bx * 11, by * 11, seed + 2);
  const float crumbs = fractal_noise(x * 7, y * 7, 4, seed + 3);
  const float relief = dome_light(style, clods, 0.9f) * dome_light(style, grains, 0.6f);
  const float crack = 1 - smooth_step(0.0f, 0.16f, clods.second - clods.nearest);
  float light = relief * (1 + (0.5f + 0.6f * clutter) * crumbs) * (1 - 0.45f * crack);
  light *= 0.85f + 0.5f * clutter * (cell_value(grains) - 0.5f);
  const float bright = smooth_step(0.93f, 0.95f, cell_value(grains));  // perlite, straw, shell
  const float tone = clamp01(0.2f + 0.5f * patches + 0.3f * crumbs);
  Colour colour = blend(style.background_base, style.background_accent, tone);
  colour = blend(colour, style.background_accent * 1.7f, clutter * bright);
  return colour * std::max(0.05f, light);
}

Colour gravel_at(const Style& style, float x, float y, float clutter, std::uint32_t seed) {
  const float patches = fractal_noise(x * 0.5f, y * 0.5f, 3, seed);
  const float bend = 0.05f * fractal_noise(x * 6, y * 6, 2, seed + 4);
  const CellPoint small = cellular_noise((x + bend) * 15, (y - bend) * 15, seed + 1);
  const CellPoint large = cellular_noise((x - bend) * 5, (y + bend) * 5, seed + 2);
  const float sand = fractal_noise(x * 20, y * 20, 3, seed + 3);
  const float tone = 0.5f + 0.4f * patches + (0.3f + clutter) * (cell_value(small) - 0.5f);
  Colour colour = blend(style.background_base, style.background_accent, clamp01(tone));
  float light = 0.92f * dome_light(style, small, 0.5f) * (1 + 0.30f * sand);
  // Some large cells hold a small stone: a disc about the feature point, with its own grey.
  const float value = cell_value(large);
  if (value > 0.62f) {
    const float radius = 0.20f + 0.22f * (value - 0.62f) / 0.38f;
    const float stone = 1 - smooth_step(radius - 0.05f, radius, large.nearest);
    const float shade =
        1 - 0.45f * (1 - smooth_step(radius - 0.05f, radius + 0.14f, large.nearest));
    const float tint = static_cast<float>(large.bits >> 24) / 255;
    const Colour grey = blend(style.background_base * 0.55f, style.background_accent * 0.9f, tint);
    colour = blend(colour, grey, stone);
    const float lit = dome_light(style, large, 1.1f) * (1 + 0.10f * sand);
    light = light * shade * (1 - stone) + lit * stone;
  }
  return colour * std::max(0.05f, light);
}

/// Height of a thread over its width, as a smooth bump.
float thread_profile(float phase) {
  const float t = 2 * (phase - std::floor(phase)) - 1;
  return 1 - t * t;
}

Colour cloth_at(const Style& style, float x, float y, float clutter, std::uint32_t seed) {
  // The cloth lies at an angle and its threads wander.
  const float wander = 0.04f * value_noise(x * 1.2f, y * 1.2f, seed);
  const float u = (0.96f * x + 0.28f * y + wander) * 13, v = (0.96f * y - 0.28f * x + wander) * 13;
  const int iu = static_cast<int>(std::floor(u)), iv = static_cast<int>(std::floor(v));
  const bool warp_above = ((iu + iv) & 1) != 0;
  const float across = thread_profile(warp_above ? u : v),
              along = thread_profile(warp_above ? v : u);
  const float dyed = lattice_value(warp_above ? iu : iv, warp_above ? 1 : 2, seed + 4);
  const float folds = fractal_noise(x * 0.35f, y * 0.35f, 3, seed + 5);
  const float fluff = fractal_noise(x * 9, y * 9, 3, seed + 6);
  const Colour thread = blend(style.background_base, style.background_accent,
                              clamp01(0.4f + 0.35f * dyed + 0.2f * fluff));
  const float weave = 0.62f + 0.30f * across * (0.4f + 0.6f * along) + 0.10f * fluff;
  return thread * std::max(0.05f, weave * (1 + (0.12f + 0.5f * clutter) * folds));
}

Colour wood_at(const Style& style, float x, float y, float clutter, std::uint32_t seed) {
  const float plank_height = 4.3f;
  const int plank = static_cast<int>(std::floor(y / plank_height + 0.37f));
  const float in_plank = (y / plank_height + 0.37f - static_cast<float>(plank)) * plank_height;
  const std::uint32_t own = seed + static_cast<std::uint32_t>(plank) * 977u;
  const float tone = 0.18f * lattice_value(plank, 3, seed);
  const float bend = 0.9f * value_noise(x * 0.16f, y * 0.30f, own) +
                     0.12f * value_noise(x * 0.7f, y * 1.3f, own + 1);
  const float rings = 0.5f + 0.5f * sine_of_turns(y * 0.75f + bend * 2.2f);
  const float fibres = fractal_noise(x * 0.9f, y * 14 + bend * 3, 3, own + 2);
  const float pores = smooth_step(0.30f, 0.55f, value_noise(x * 1.6f, y * 30, own + 3));
  const float dark =
      clamp01((0.25f + 0.55f * clutter) * rings * rings + 0.22f * fibres + 0.25f * pores + 0.05f);
  const Colour colour = blend(style.background_base, style.background_accent, dark) * (1 + tone);
  const float from_seam = std::min(in_plank, plank_height - in_plank);
  return colour * (0.25f + 0.75f * smooth_step(0.015f, 0.07f, from_seam));
}

Colour table_at(const Style& style, float x, float y, float clutter, std::uint32_t seed) {
  const float stains = fractal_noise(x * 0.45f, y * 0.45f, 4, seed);
  const float veins = std::abs(fractal_noise(x * 0.55f + 7, y * 0.55f, 4, seed + 1));
  const float vein = 1 - smooth_step(0.0f, 0.05f, veins);
  const float fine = fractal_noise(x * 16, y * 16, 2, seed + 2);
  const Colour colour =
      blend(style.background_base, style.background_accent, clamp01(0.35f + 0.55f * stains));
  return blend(colour, style.background_accent * 0.7f, 0.6f * clutter * vein) *
         (1 + (0.03f + 0.08f * clutter) * fine);
}

Colour dark_field_at(const Style& style, float x, float y, float clutter, std::uint32_t seed) {
  const float haze = 0.5f + 0.5f * fractal_noise(x * 0.35f, y * 0.35f, 4, seed);
  return blend(style.background_base, style.background_accent,
               clamp01((0.15f + 1.2f * clutter) * haze));
}

Colour tissue_at(const Style& style, float x, float y, float clutter, std::uint32_t seed) {
  const float warp = 0.7f * fractal_noise(x * 0.5f, y * 0.5f, 3, seed);
  const float fibres = fractal_noise(x * 0.8f + 1.6f * warp, y * 3.2f + 2.4f * warp, 4, seed + 1);
  const float cytoplasm =
      smooth_step(-0.35f, 0.35f, fractal_noise(x * 0.45f, y * 0.45f, 3, seed + 2) + 0.3f * fibres);
  const float amount = clamp01((0.25f + 0.9f * clutter) * cytoplasm * (0.75f + 0.5f * fibres));
  const float granules = fractal_noise(x * 6, y * 6, 2, seed + 3);
  return blend(style.background_base, style.background_accent, amount) * (1 + 0.05f * granules);
}

}  // namespace

Colour background_at(const Style& style, float x, float y, float clutter, std::uint32_t seed) {
  switch (style.background) {
    case Background::soil:
      return soil_at(style, x, y, clutter, seed);
    case Background::gravel:
      return gravel_at(style, x, y, clutter, seed);
    case Background::cloth:
      return cloth_at(style, x, y, clutter, seed);
    case Background::wood:
      return wood_at(style, x, y, clutter, seed);
    case Background::table:
      return table_at(style, x, y, clutter, seed);
    case Background::dark_field:
      return dark_field_at(style, x, y, clutter, seed);
    case Background::tissue:
      return tissue_at(style, x, y, clutter, seed);
  }
  return {};
}

}  // namespace persense::scenes::detail
