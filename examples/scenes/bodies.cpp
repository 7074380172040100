// The bodies of the objects of each class, of what lies beside them and of debris.
#include <array>

#include "styles.hpp"

namespace persense::scenes::detail {
namespace {

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

Body draw_body(const Style& style, Random random) {
  Body body;
  body.seed = static_cast<std::uint32_t>(random.bits() >> 32);
  const bool made = is_manufactured(style.kind);
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
  body.base = varied(from_objects ? style.base * 0.7f : style.background_accent * 0.8f, 0.25f,
                     0.04f, random);
  if (style.background == Background::dark_field) {
    body.skin = Skin::fluorescence;
    body.optics = Optics::glowing;
    body.base = style.base * random.uniform(0.02f, 0.12f);
    body.blur = 0.6f;
  } else if (style.background == Background::tissue) {
    body.skin = Skin::red_cell;
    body.optics = Optics::absorbing;
    body.base = style.background_accent * random.uniform(0.9f, 1.2f);
    body.accent = display(240, 226, 232);
    body.blur = 0.4f;
  }
  return body;
}

}  // namespace persense::scenes::detail
