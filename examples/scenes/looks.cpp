// examples/scenes/looks.cpp: outlines, skins, palettes and which goes with which.
#include "looks.hpp"

#include <array>

namespace persense::scenes::detail {
namespace {

// ---- Outlines -------------------------------------------------------------------------------

/// Noise along a closed outline: the noise is sampled on a circle, so it has no seam.
float rim_noise(const Body& body, float u, float v, float radius, float frequency) {
  const float inverse = 1 / std::max(radius, 1e-3f);
  const float x = u * inverse * frequency + 31.7f, y = v * inverse * frequency + 11.3f;
  // Fades out towards the middle, where the direction turns fast.
  return body.roughness * fractal_noise(x, y, 2, body.seed) * std::min(1.0f, 2 * radius);
}

float ellipse_value(const Body& body, float u, float v) {
  const float x = u / body.half_length, y = v / body.half_width;
  const float radius = std::sqrt(x * x + y * y);
  if (body.roughness == 0) return radius - 1;
  return radius - 1 - rim_noise(body, x, y, radius, 1.1f);
}

/// Between an ellipse and a superellipse of exponent 4, with noise: a worn stone.
float stone_value(const Body& body, float u, float v) {
  const float x = u / body.half_length, y = v / body.half_width;
  const float xx = x * x, yy = y * y;
  const float radius = std::sqrt(xx + yy);
  const float square = std::sqrt(std::sqrt(xx * xx + yy * yy));
  return 0.6f * radius + 0.4f * square - 1 - rim_noise(body, x, y, radius, 0.9f);
}

/// An ellipse with blunt ends whose middle line is a parabola; the hollow side is v < 0.
float bean_value(const Body& body, float u, float v) {
  const float x = u / body.half_length, y = (v + body.bend * (u * u - 0.35f)) / body.half_width;
  const float xx = x * x, yy = y * y;
  const float radius = std::sqrt(xx + yy);
  return 0.65f * radius + 0.35f * std::sqrt(std::sqrt(xx * xx + yy * yy)) - 1;
}

float capsule_value(const Body& body, float u, float v) {
  const float straight = body.half_length - body.half_width;
  const float x = std::max(0.0f, std::abs(u) - straight);
  return std::sqrt(x * x + v * v) / body.half_width - 1;
}

float hexagon_ring_value(const Body& body, float u, float v) {
  const float x = std::abs(u), y = std::abs(v);
  const float radius = std::sqrt(u * u + v * v);
  const float hexagon = std::max(y, 0.8660254f * x + 0.5f * y) - 0.88f;  // 0.88: across flats
  const float chamfer = radius - 0.99f;  // turned corners, as on real nuts
  return std::max(std::max(hexagon, chamfer), body.half_width - radius) / 0.2f;
}

/// A blade between two parabolas, and a thin stalk beyond u = -1.
float leaf_value(const Body& body, float u, float v) {
  const float wave = 0.05f * body.roughness * value_noise(u * 9, v > 0 ? 3.0f : 9.0f, body.seed);
  const float width = body.half_width * ((1 - u * u) * (1 - 0.35f * u) + wave);
  const float blade = (std::abs(v - body.bend * (u * u - 0.4f)) - width) / body.half_width;
  const float along = std::max(0.0f, std::abs(u + 1.15f) - 0.2f);
  const float across = v - body.bend * (u * u - 0.4f);
  const float stalk = (std::sqrt(along * along + across * across) - 0.032f) / body.half_width;
  return std::min(blade, stalk);
}

// ---- Skins ----------------------------------------------------------------------------------

Colour shaded(const Colour& colour, float factor) { return colour * std::max(0.0f, factor); }

SkinPoint bean_skin(const Body& body, float u, float v) {
  Colour colour = shaded(body.base, 1 + 0.10f * fractal_noise(u * 2.2f, v * 2.2f, 3, body.seed));
  if (body.skin == Skin::speckled || body.skin == Skin::marbled) {
    const bool streaks = body.skin == Skin::marbled;
    // Streaks run along the bean; a second noise bends them.
    const float warp = 0.5f * value_noise(u * 2, v * 2, body.seed + 5);
    const float x = (streaks ? 2.4f : 6.0f) * u + warp, y = (streaks ? 4.6f : 7.5f) * v + warp;
    const float pattern = fractal_noise(x, y, 3, body.seed + 9);
    colour = blend(colour, body.accent, 0.9f * smooth_step(0.10f, 0.26f, pattern));
  }
  const float hollow = v + body.half_width + body.bend * (u * u - 0.35f) - 0.02f;
  const float eye = std::sqrt(u * u / 0.035f + hollow * hollow / 0.022f);
  const float mark = 1 - smooth_step(0.75f, 1.0f, eye);
  const float ring = smooth_step(0.9f, 1.05f, eye) * (1 - smooth_step(1.2f, 1.6f, eye));
  colour =
      blend(colour, body.skin == Skin::plain ? body.accent : display(245, 240, 228), 0.85f * mark);
  colour = shaded(colour, 1 - 0.35f * ring);
  return {colour, 0.012f * fractal_noise(u * 3, v * 3, 2, body.seed + 3) - 0.03f * mark,
          1 - 0.8f * mark};
}

/// Where a berry's end shows, as distance from it; every berry lies its own way round.
float end_distance(const Body& body, float u, float v, float& x, float& y) {
  Random random(body.seed, 1, 0);
  x = u - random.uniform(-0.5f, 0.5f);
  y = v - random.uniform(-0.5f, 0.5f);
  return std::sqrt(x * x + y * y);
}

SkinPoint blueberry_skin(const Body& body, float u, float v) {
  float x = 0, y = 0;
  const float r = end_distance(body, u, v, x, y);
  const float bloom = smooth_step(-0.35f, 0.45f, fractal_noise(u * 2.1f, v * 2.1f, 4, body.seed));
  Colour colour = blend(body.accent, body.base, bloom);
  // Fifth power of the unit direction: its real part has five lobes, without any angle.
  const float inverse = 1 / std::max(r, 1e-3f), c = x * inverse, s = y * inverse;
  const float c2 = c * c - s * s, s2 = 2 * c * s, c4 = c2 * c2 - s2 * s2, s4 = 2 * c2 * s2;
  const float lobes = c4 * c - s4 * s;
  const float crown = 0.30f + 0.07f * lobes;
  const float pit = 1 - smooth_step(crown - 0.10f, crown - 0.04f, r);
  const float lip =
      smooth_step(crown - 0.10f, crown - 0.03f, r) * (1 - smooth_step(crown, crown + 0.08f, r));
  colour = blend(colour, display(22, 22, 34), 0.8f * pit);
  colour = blend(colour, display(92, 98, 128), 0.45f * lip);
  const float bump =
      0.07f * lip - 0.05f * pit + 0.01f * fractal_noise(u * 7, v * 7, 2, body.seed + 1);
  return {colour, bump, (1 - 0.75f * bloom) * (1 - pit)};
}

SkinPoint cranberry_skin(const Body& body, float u, float v) {
  float x = 0, y = 0;
  const float r = end_distance(body, u, v, x, y);
  const float pale = smooth_step(0.1f, 0.9f, fractal_noise(u * 1.3f + 5, v * 1.3f, 3, body.seed));
  Colour colour = blend(body.base, body.accent, 0.6f * pale);
  const float freckle = cellular_noise(u * 7, v * 7, body.seed + 2).nearest;
  colour = blend(colour, display(226, 150, 120), 0.30f * (1 - smooth_step(0.06f, 0.13f, freckle)));
  const float dimple = 1 - smooth_step(0.05f, 0.17f, r);
  colour = blend(colour, display(62, 24, 16), 0.85f * dimple);
  return {colour, -0.05f * dimple + 0.008f * fractal_noise(u * 4, v * 4, 2, body.seed),
          1 - 0.8f * dimple};
}

SkinPoint coffee_skin(const Body& body, float u, float v) {
  const float wobble = 0.10f * sine_of_turns(u * 0.42f) + 0.04f * value_noise(u * 3, 1, body.seed);
  const float across = std::abs(v - wobble);
  const float slit = 1 - smooth_step(0.03f, 0.085f, across);
  const float valley = 1 - smooth_step(0.0f, 0.30f, across);
  Colour colour = shaded(body.base, 1 + 0.22f * fractal_noise(u * 3.5f, v * 5, 4, body.seed));
  colour = blend(colour, body.accent, slit);
  const float chaff =
      slit * smooth_step(0.25f, 0.5f, fractal_noise(u * 6, v * 3, 2, body.seed + 1));
  colour = blend(colour, display(168, 122, 84), 0.5f * chaff);
  const float grain = 0.018f * fractal_noise(u * 9, v * 9, 2, body.seed + 4);
  return {colour, -0.13f * valley - 0.06f * slit + grain, 1 - slit};
}

SkinPoint coffee_back_skin(const Body& body, float u, float v) {
  const float mottle = fractal_noise(u * 2.5f, v * 4, 4, body.seed);
  const float grain = fractal_noise(u * 9, v * 9, 2, body.seed + 4);
  return {shaded(body.base, 1 + 0.22f * mottle), 0.02f * mottle + 0.012f * grain, 1.0f};
}

SkinPoint grain_skin(const Body& body, float u, float v) {
  const float streak = fractal_noise(u * 1.4f, v * 11, 3, body.seed);
  Colour colour = shaded(body.base, 1 + (body.skin == Skin::wheat ? 0.20f : 0.06f) * streak);
  if (body.skin == Skin::rice) {
    const float chalk = smooth_step(0.0f, 0.5f, fractal_noise(u * 1.6f, v * 3, 2, body.seed + 1));
    return {blend(colour, body.accent, 0.35f * chalk), 0.01f * streak, 1.0f};
  }
  const float crease =
      1 - smooth_step(0.012f, 0.06f, std::abs(v - 0.03f * sine_of_turns(u * 0.3f)));
  const float tip = smooth_step(0.72f, 0.98f, std::abs(u));
  colour = blend(colour, body.accent, std::max(0.75f * crease, 0.45f * tip));
  return {colour, -0.09f * crease + 0.02f * streak, 1 - 0.7f * crease};
}

SkinPoint coin_skin(const Body& body, float u, float v) {
  const float r = std::sqrt(u * u + v * v);
  // The relief depends on accent's seed of the class, not of the coin: all coins are one mint.
  const std::uint32_t mint = body.seed & 0xFFFFu;
  const float rim = smooth_step(0.86f, 0.90f, r);
  const float inverse = 1 / std::max(r, 1e-3f);
  const float letters = smooth_step(0.05f, 0.2f,
                                    value_noise(u * inverse * 9, v * inverse * 9, mint) +
                                        0.5f * value_noise(u * 17, v * 17, mint + 1)) *
                        smooth_step(0.64f, 0.67f, r) * (1 - smooth_step(0.79f, 0.82f, r));
  const float head =
      smooth_step(-0.02f, 0.10f, fractal_noise(u * 2.1f + 3, v * 2.1f, 3, mint + 7) + 0.35f - r) *
      (1 - smooth_step(0.50f, 0.56f, r));
  const float folds = head * fractal_noise(u * 6, v * 6, 3, mint + 2);
  const float wear = fractal_noise(u * 2.5f, v * 2.5f, 4, body.seed);
  const float scratches =
      smooth_step(0.45f, 0.7f, value_noise(u * 3 + v, v * 40 - u * 9, body.seed + 1));
  Colour colour = shaded(body.base, 1 + 0.20f * wear);
  colour =
      blend(colour, body.accent, 0.35f * smooth_step(0.1f, 0.6f, wear) * (1 - 0.6f * (rim + head)));
  const float bump = 0.05f * rim + 0.035f * letters + 0.05f * head + 0.035f * folds + 0.003f * wear;
  return {colour, bump, 0.85f + 0.3f * scratches};
}

SkinPoint metal_skin(const Body& body, float u, float v) {
  const float r = std::sqrt(u * u + v * v);
  const float brushed = fractal_noise(u * 3, v * 28, 3, body.seed);
  const float stains =
      smooth_step(0.15f, 0.7f, fractal_noise(u * 1.8f, v * 1.8f, 4, body.seed + 1));
  Colour colour = shaded(body.base, 1 + 0.16f * brushed);
  colour = blend(colour, body.accent, 0.5f * stains);
  // The thread: a dark, turned edge round the hole.
  const float thread = 1 - smooth_step(0.02f, 0.09f, r - body.half_width);
  return {shaded(colour, 1 - 0.45f * thread), 0.006f * brushed - 0.05f * thread, 1 - 0.5f * stains};
}

SkinPoint leaf_skin(const Body& body, float u, float v) {
  const float across = v - body.bend * (u * u - 0.4f);
  const float patches = fractal_noise(u * 1.7f, v * 2.2f, 4, body.seed);
  Colour colour = blend(body.base, body.accent, clamp01(0.25f + 0.9f * patches));
  const float middle = 1 - smooth_step(0.012f, 0.035f, std::abs(across));
  // Side veins leave the middle forwards, at about 45 degrees.
  const float phase = (u - 0.9f * std::abs(across)) * 6.5f + (across > 0 ? 0.5f : 0.0f);
  const float from_vein = std::abs(phase - std::floor(phase) - 0.5f);
  const float side = 1 - smooth_step(0.03f, 0.13f, from_vein);
  const float pale = std::max(middle, 0.45f * side);
  colour = blend(colour, body.base * 0.6f + display(214, 206, 140) * 0.4f, 0.6f * pale);
  if (u < -0.98f) colour = display(120, 92, 52);
  const float spots = smooth_step(0.42f, 0.6f, fractal_noise(u * 5, v * 5, 2, body.seed + 8));
  colour = blend(colour, display(88, 56, 30), 0.6f * spots);
  const float quilted = 0.03f * (1 - 2 * from_vein) + 0.03f * patches;
  const float curl = 0.16f * across * across / (body.half_width * body.half_width);
  return {colour, curl - 0.05f * middle - quilted, 1 - 0.5f * spots};
}

SkinPoint stone_skin(const Body& body, float u, float v) {
  const float coarse = fractal_noise(u * 1.8f, v * 1.8f, 4, body.seed);
  const float fine = fractal_noise(u * 11, v * 11, 3, body.seed + 3);
  Colour colour = shaded(body.base, 1 + 0.24f * coarse + 0.22f * fine);
  const float band = std::abs(0.9f * u + 0.5f * v + 0.25f * coarse + 0.6f * body.bend);
  if (body.bend > 0.25f) {  // some stones have a vein of quartz
    colour = blend(colour, display(214, 208, 198), 0.75f * (1 - smooth_step(0.04f, 0.10f, band)));
  } else if (body.bend < -0.2f) {  // and some are layered
    const float layers = sine_of_turns((0.35f * u + v + 0.16f * coarse) * 2.4f);
    colour = blend(colour, body.accent, 0.30f * smooth_step(-0.3f, 0.8f, layers));
  }
  const float grains = smooth_step(0.35f, 0.55f, fine);
  colour = blend(colour, body.accent, 0.45f * grains);
  return {colour, 0.06f * coarse + 0.022f * fine, 1.0f};
}

SkinPoint capsule_skin(const Body& body, float u, float v) {
  const float half = smooth_step(-0.012f, 0.012f, u - 0.06f);
  Colour colour = blend(body.base, body.accent, half);
  const float seam = 1 - smooth_step(0.0f, 0.03f, std::abs(u - 0.06f));
  // The cap is a little wider than the body it closes over.
  const float dust = fractal_noise(u * 4, v * 4, 3, body.seed);
  colour = shaded(colour, 1 + 0.05f * dust - 0.25f * seam);
  return {colour, 0.03f * (1 - half) - 0.02f * seam, 1.0f};
}

SkinPoint fluorescent_skin(const Body& body, float u, float v, float depth) {
  const float chromatin = fractal_noise(u * 2.6f, v * 2.6f, 3, body.seed);
  const CellPoint spot = cellular_noise(u * 1.7f + 4, v * 1.7f, body.seed + 1);
  const float here = (spot.bits & 1u) != 0 ? 1.0f : 0.0f;
  const float nucleolus = here * (1 - smooth_step(0.05f, 0.38f, spot.nearest));
  const float fine = fractal_noise(u * 7, v * 7, 2, body.seed + 2);
  const float body_light = 0.62f + 0.38f * smooth_step(0.0f, 0.75f, depth);
  const float texture = 1 + 0.42f * chromatin + 0.14f * fine;
  return {shaded(body.base, body_light * texture * (1 - 0.30f * nucleolus))};
}

SkinPoint stained_skin(const Body& body, float u, float v, float depth) {
  const float chromatin = smooth_step(-0.7f, 0.7f, fractal_noise(u * 3.4f, v * 3.4f, 4, body.seed));
  const float membrane = 1 - smooth_step(0.05f, 0.22f, depth);
  const float strength = clamp01(0.25f + 0.75f * chromatin + 0.25f * membrane);
  return {blend(body.accent, body.base, strength)};
}

SkinPoint red_cell_skin(const Body& body, float u, float v, float depth) {
  const float pale = smooth_step(0.35f, 0.9f, depth);
  const float uneven = 0.12f * fractal_noise(u * 2, v * 2, 2, body.seed);
  return {blend(body.base, body.accent, clamp01(0.75f * pale + uneven))};
}

SkinPoint crumb_skin(const Body& body, float u, float v) {
  const float n = fractal_noise(u * 2.5f, v * 2.5f, 3, body.seed);
  return {shaded(body.base, 1 + 0.35f * n), 0.08f * n, 1.0f};
}

// ---- Palettes -------------------------------------------------------------------------------

/// `colour` a little lighter or darker and a little shifted, as one object among others.
Colour varied(const Colour& colour, float lightness, float tint, Random& random) {
  const float factor = 1 + lightness * random.normal();
  Colour result;
  for (int i = 0; i < 3; ++i) {
    result[i] = std::clamp(colour[i] * factor * (1 + tint * random.normal()), 0.0f, 1.2f);
  }
  return result;
}

struct Variant {
  Ground ground;
  Colour ground_base, ground_accent, base, accent;
};

const Colour white = display(238, 236, 230);

std::vector<Variant> food_variants(Kind kind) {
  const Colour linen = display(178, 166, 146), navy = display(52, 62, 84),
               oak = display(172, 128, 84);
  const Colour oak_dark = display(96, 62, 36), walnut = display(104, 72, 48),
               walnut_dark = display(52, 34, 22);
  switch (kind) {
    case Kind::beans:
      return {{Ground::cloth, navy, display(90, 104, 130), display(222, 190, 156),
               display(128, 52, 44)},
              {Ground::wood, oak, oak_dark, display(128, 30, 26), display(226, 196, 170)},
              {Ground::cloth, display(126, 92, 78), display(160, 124, 104), display(236, 226, 200),
               display(48, 40, 38)},
              {Ground::table, display(206, 198, 184), display(160, 152, 140),
               display(204, 162, 120), display(92, 56, 40)}};
    case Kind::berries:
      return {{Ground::wood, oak, oak_dark, display(112, 128, 170), display(38, 42, 78)},
              {Ground::cloth, linen, display(146, 132, 112), display(164, 14, 26),
               display(214, 60, 52)},
              {Ground::wood, walnut, walnut_dark, display(122, 134, 172), display(46, 46, 84)}};
    case Kind::coffee:
      return {
          {Ground::cloth, linen, display(140, 124, 100), display(104, 62, 38), display(34, 20, 14)},
          {Ground::wood, oak, oak_dark, display(82, 50, 34), display(28, 18, 14)}};
    default:
      return {{Ground::cloth, display(46, 54, 58), display(76, 84, 88), display(216, 164, 92),
               display(126, 78, 38)},
              {Ground::wood, walnut, walnut_dark, display(226, 218, 196), display(250, 248, 240)},
              {Ground::table, display(70, 84, 96), display(50, 62, 76), display(206, 150, 84),
               display(112, 68, 34)}};
  }
}

std::vector<Variant> workshop_variants(Kind kind) {
  const Colour felt = display(46, 92, 66), felt_dark = display(30, 66, 48);
  switch (kind) {
    case Kind::coins:
      return {{Ground::cloth, felt, felt_dark, display(206, 142, 92), display(92, 52, 32)},
              {Ground::wood, display(104, 72, 48), display(52, 34, 22), display(176, 175, 172),
               display(84, 80, 76)},
              {Ground::table, display(64, 70, 84), display(42, 46, 58), display(222, 182, 98),
               display(112, 80, 36)}};
    case Kind::hexnuts:
      return {{Ground::wood, display(178, 136, 92), display(104, 70, 42), display(158, 161, 168),
               display(92, 74, 60)},
              {Ground::table, display(70, 96, 122), display(46, 66, 90), display(206, 182, 120),
               display(120, 90, 50)}};
    default:
      return {{Ground::table, display(196, 206, 212), display(150, 164, 176), display(206, 40, 38),
               display(242, 236, 222)},
              {Ground::table, display(66, 84, 98), display(44, 58, 74), display(40, 110, 160),
               display(240, 238, 232)},
              {Ground::cloth, display(120, 136, 134), display(92, 108, 108), display(226, 158, 42),
               display(60, 116, 74)}};
  }
}

std::vector<Variant> outdoor_variants(Kind kind) {
  const Colour soil = display(84, 62, 46), soil_light = display(146, 116, 86);
  if (kind == Kind::leaves) {
    return {{Ground::soil, soil, soil_light, display(96, 132, 48), display(176, 168, 62)},
            {Ground::gravel, display(126, 118, 108), display(166, 156, 140), display(206, 132, 40),
             display(176, 62, 32)}};
  }
  return {{Ground::gravel, display(176, 152, 118), display(216, 196, 160), display(132, 128, 122),
           display(84, 84, 88)},
          {Ground::soil, soil, soil_light, display(150, 142, 130), display(92, 88, 84)}};
}

std::vector<Variant> microscope_variants(Kind kind) {
  if (kind == Kind::cells) {
    return {{Ground::dark_field, display(6, 8, 16), display(14, 20, 44), display(70, 128, 235),
             display(0, 0, 0)},
            {Ground::dark_field, display(9, 9, 9), display(24, 24, 24), display(188, 188, 188),
             display(0, 0, 0)},
            {Ground::dark_field, display(4, 10, 6), display(12, 34, 18), display(84, 214, 112),
             display(0, 0, 0)}};
  }
  return {{Ground::tissue, display(236, 222, 230), display(206, 150, 190), display(88, 34, 128),
           display(176, 120, 196)},
          {Ground::tissue, display(238, 224, 220), display(224, 160, 172), display(70, 48, 120),
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

// ---- Bodies ---------------------------------------------------------------------------------

void make_bean(Body& body, const Style& style, Random& random) {
  constexpr std::array skins{Skin::marbled, Skin::plain, Skin::plain, Skin::speckled};
  body.outline = Outline::bean;
  body.skin = skins[static_cast<std::size_t>(style.variant)];
  body.half_width = 0.60f + 0.025f * random.normal();
  body.bend = 0.24f + 0.05f * random.normal();
  body.thickness = 0.85f;
  body.shine = 0.30f;
  body.shine_sharpness = 5;
}

void make_berry(Body& body, const Style& style, Random& random) {
  const bool red = style.variant == 1;
  body.skin = red ? Skin::cranberry : Skin::blueberry;
  body.half_width = (red ? 0.90f : 0.95f) + 0.02f * random.normal();
  body.roughness = 0.03f;
  body.thickness = 0.95f;
  body.shine = red ? 0.75f : 0.25f;
  body.shine_sharpness = red ? 6 : 4;
}

void make_cell(Body& body, const Style&, Random& random) {
  body.skin = Skin::fluorescence;
  body.optics = Optics::glowing;
  body.half_width = random.uniform(0.62f, 0.95f);
  body.roughness = 0.09f;
  const bool dividing = random.uniform() < 0.05f;  // condensed, so brighter
  body.base = body.base * (dividing ? 2.0f : std::max(0.25f, 0.75f + 0.28f * random.normal()));
  body.blur = random.uniform(0.10f, 0.26f);
}

void make_coffee(Body& body, const Style&, Random& random) {
  body.skin = random.uniform() < 0.6f ? Skin::coffee : Skin::coffee_back;
  body.half_width = 0.73f + 0.03f * random.normal();
  body.thickness = 0.75f;
  body.shine = 0.28f;
  body.shine_sharpness = 4;
}

void make_coin(Body& body, const Style& style, Random&) {
  body.skin = Skin::coin;
  body.bevel = 0.05f;
  body.thickness = 0.07f;
  body.metallic = 1.0f;
  body.shine = 0.5f;
  body.shine_sharpness = 3;
  body.seed = (body.seed & 0xFFFF0000u) | (style.seed & 0xFFFFu);  // low half: the mint, shared
}

void make_grain(Body& body, const Style& style, Random& random) {
  const bool rice = style.variant == 1;
  body.skin = rice ? Skin::rice : Skin::wheat;
  body.half_width = (rice ? 0.29f : 0.42f) + 0.02f * random.normal();
  body.roughness = 0.05f;
  body.thickness = 0.9f;
  body.shine = rice ? 0.30f : 0.15f;
  body.shine_sharpness = 4;
}

void make_hexnut(Body& body, const Style&, Random&) {
  body.outline = Outline::hexagon_ring;
  body.skin = Skin::metal;
  body.half_width = 0.48f;  // of the hole
  body.bevel = 0.40f;
  body.thickness = 0.20f;
  body.metallic = 1.0f;
  body.shine = 0.8f;
  body.shine_sharpness = 3;
}

void make_leaf(Body& body, const Style& style, Random& random) {
  body.outline = Outline::leaf;
  body.skin = Skin::leaf;
  body.half_width = 0.40f + 0.03f * random.normal();
  body.bend = 0.10f * random.normal();
  body.roughness = 1.0f;
  body.bevel = 0.3f;
  body.thickness = 0.10f;
  body.shine = 0.10f;
  body.shine_sharpness = 3;
  body.base = blend(style.base, style.accent, clamp01(0.35f + 0.3f * random.normal()));
}

void make_pebble(Body& body, const Style& style, Random& random) {
  static const std::array<Colour, 6> rocks{display(128, 124, 120), display(158, 142, 120),
                                           display(98, 102, 110),  display(176, 166, 152),
                                           display(134, 104, 86),  display(86, 82, 80)};
  const Colour rock = rocks[static_cast<std::size_t>(random.below(6))];
  body.outline = Outline::stone;
  body.skin = Skin::stone;
  body.half_width = random.uniform(0.62f, 0.92f);
  body.roughness = 0.16f;
  body.bend = 0.3f * random.normal();  // here: which kind of rock, see stone_skin
  body.bevel = 0.85f;
  body.thickness = 0.62f;
  body.shine = 0.05f;
  body.shine_sharpness = 3;
  body.base = varied(blend(rock, style.base, 0.25f), 0.15f, 0.03f, random);
  body.accent = body.base * 0.55f;
}

void make_pill(Body& body, const Style&, Random&) {
  body.outline = Outline::capsule;
  body.skin = Skin::capsule;
  body.half_width = 0.36f;
  body.thickness = 0.95f;
  body.shine = 0.8f;
  body.shine_sharpness = 6;
}

void make_stained(Body& body, const Style&, Random& random) {
  body.skin = Skin::stain;
  body.optics = Optics::absorbing;
  body.half_width = random.uniform(0.62f, 0.98f);
  body.roughness = 0.18f;
  const float pale = clamp01(0.25f + 0.28f * random.normal());  // nuclei take up dye unevenly
  body.base = blend(body.base, body.accent, 0.75f * pale);
  body.accent = blend(body.accent, display(236, 214, 232), 0.5f * pale);
  body.blur = 0.06f;
}

void make_fluorescent_debris(Body& body, Random& random) {
  body.skin = Skin::fluorescence;
  body.optics = Optics::glowing;
  body.outline = Outline::capsule;
  body.half_width = 0.18f;
  body.base = body.base * random.uniform(0.3f, 0.6f);
  body.blur = 0.15f;
}

void make_red_cell(Body& body, Random& random) {
  body.skin = Skin::red_cell;
  body.optics = Optics::absorbing;
  body.half_width = random.uniform(0.85f, 0.98f);
  body.roughness = 0.05f;
  body.blur = 0.06f;
  body.base = display(226, 170, 186);
  body.accent = display(244, 222, 226);
}

/// The classes seen beside `kind`, none of which looks like it.
std::vector<Kind> company_of(Kind kind) {
  switch (kind) {
    case Kind::beans:
      return {Kind::leaves, Kind::coins, Kind::hexnuts};
    case Kind::berries:
      return {Kind::leaves, Kind::coffee, Kind::grains};
    case Kind::coffee:
      return {Kind::berries, Kind::coins, Kind::leaves};
    case Kind::coins:
      return {Kind::hexnuts, Kind::pills, Kind::beans};
    case Kind::grains:
      return {Kind::pebbles, Kind::leaves, Kind::berries};
    case Kind::hexnuts:
      return {Kind::coins, Kind::pills, Kind::coffee};
    case Kind::leaves:
      return {Kind::berries, Kind::pebbles};
    case Kind::pebbles:
      return {Kind::leaves, Kind::coins, Kind::hexnuts};
    case Kind::pills:
      return {Kind::coins, Kind::hexnuts, Kind::berries};
    case Kind::cells:
      return {Kind::cells};
    case Kind::stained:
      return {Kind::stained};
  }
  return {};
}

}  // namespace

Style draw_style(Kind kind, std::uint64_t style_seed) {
  Random random(style_seed, 0x57F1E, static_cast<std::uint64_t>(kind));
  const std::vector<Variant> variants = variants_of(kind);
  Style style;
  style.kind = kind;
  style.variant = random.below(static_cast<int>(variants.size()));
  const Variant& variant = variants[static_cast<std::size_t>(style.variant)];
  style.ground = variant.ground;
  style.ground_base = varied(variant.ground_base, 0.06f, 0.02f, random);
  style.ground_accent = varied(variant.ground_accent, 0.06f, 0.02f, random);
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

Body draw_body(const Style& style, Random random) {
  Body body;
  body.seed = static_cast<std::uint32_t>(random.bits() >> 32);
  const bool made =
      style.kind == Kind::coins || style.kind == Kind::hexnuts || style.kind == Kind::pills;
  const float tint = style.kind == Kind::cells ? 0.0f
                     : made                    ? 0.008f
                                               : 0.03f;  // one dye, one colour
  body.base = varied(style.base, made ? 0.06f : 0.12f, tint, random);
  body.accent = varied(style.accent, made ? 0.04f : 0.08f, made ? 0.008f : 0.02f, random);
  switch (style.kind) {
    case Kind::beans:
      make_bean(body, style, random);
      break;
    case Kind::berries:
      make_berry(body, style, random);
      break;
    case Kind::cells:
      make_cell(body, style, random);
      break;
    case Kind::coffee:
      make_coffee(body, style, random);
      break;
    case Kind::coins:
      make_coin(body, style, random);
      break;
    case Kind::grains:
      make_grain(body, style, random);
      break;
    case Kind::hexnuts:
      make_hexnut(body, style, random);
      break;
    case Kind::leaves:
      make_leaf(body, style, random);
      break;
    case Kind::pebbles:
      make_pebble(body, style, random);
      break;
    case Kind::pills:
      make_pill(body, style, random);
      break;
    case Kind::stained:
      make_stained(body, style, random);
      break;
  }
  return body;
}

Body draw_distractor(const Style& style, Random random) {
  Body body;
  body.seed = static_cast<std::uint32_t>(random.bits() >> 32);
  body.base = style.base;
  if (style.kind == Kind::cells) {
    make_fluorescent_debris(body, random);
    return body;
  }
  if (style.kind == Kind::stained) {
    make_red_cell(body, random);
    return body;
  }
  const std::vector<Kind> company = company_of(style.kind);
  const Kind other =
      company[static_cast<std::size_t>(random.below(static_cast<int>(company.size())))];
  return draw_body(draw_style(other, style.seed), Random(random.bits()));
}

Body draw_crumb(const Style& style, Random random) {
  Body body;
  body.seed = static_cast<std::uint32_t>(random.bits() >> 32);
  body.outline = Outline::stone;
  body.skin = Skin::crumb;
  body.half_width = random.uniform(0.4f, 0.9f);
  body.roughness = 0.35f;
  body.thickness = 0.5f;
  body.shine = 0.03f;
  const bool from_objects = random.uniform() < 0.4f;
  body.base =
      varied(from_objects ? style.base * 0.7f : style.ground_accent * 0.8f, 0.25f, 0.04f, random);
  if (style.ground == Ground::dark_field) {
    body.skin = Skin::fluorescence;
    body.optics = Optics::glowing;
    body.base = style.base * random.uniform(0.02f, 0.12f);
    body.blur = 0.6f;
  } else if (style.ground == Ground::tissue) {
    body.skin = Skin::red_cell;
    body.optics = Optics::absorbing;
    body.base = style.ground_accent * random.uniform(0.9f, 1.2f);
    body.accent = display(240, 226, 232);
    body.blur = 0.4f;
  }
  return body;
}

float outline_value(const Body& body, float u, float v) {
  switch (body.outline) {
    case Outline::ellipse:
      return ellipse_value(body, u, v);
    case Outline::bean:
      return bean_value(body, u, v);
    case Outline::capsule:
      return capsule_value(body, u, v);
    case Outline::hexagon_ring:
      return hexagon_ring_value(body, u, v);
    case Outline::leaf:
      return leaf_value(body, u, v);
    case Outline::stone:
      return stone_value(body, u, v);
  }
  return 1.0f;
}

SkinPoint skin_at(const Body& body, float u, float v, float depth) {
  switch (body.skin) {
    case Skin::plain:
    case Skin::speckled:
    case Skin::marbled:
      return bean_skin(body, u, v);
    case Skin::blueberry:
      return blueberry_skin(body, u, v);
    case Skin::cranberry:
      return cranberry_skin(body, u, v);
    case Skin::coffee:
      return coffee_skin(body, u, v);
    case Skin::coffee_back:
      return coffee_back_skin(body, u, v);
    case Skin::coin:
      return coin_skin(body, u, v);
    case Skin::wheat:
    case Skin::rice:
      return grain_skin(body, u, v);
    case Skin::metal:
      return metal_skin(body, u, v);
    case Skin::leaf:
      return leaf_skin(body, u, v);
    case Skin::stone:
      return stone_skin(body, u, v);
    case Skin::capsule:
      return capsule_skin(body, u, v);
    case Skin::fluorescence:
      return fluorescent_skin(body, u, v, depth);
    case Skin::stain:
      return stained_skin(body, u, v, depth);
    case Skin::red_cell:
      return red_cell_skin(body, u, v, depth);
    case Skin::crumb:
      return crumb_skin(body, u, v);
  }
  return {};
}

}  // namespace persense::scenes::detail
