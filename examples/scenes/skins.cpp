#include "styles.hpp"

namespace persense::scenes::detail {
namespace {

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

}  // namespace

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
