// How one object looks.
#include <algorithm>
#include <cmath>

#include "frame.hpp"

namespace persense::scenes::training {

using namespace detail;

namespace {

/// An object's own colours and places of its patterns.
struct Skin {
  Colour base{}, accent{};
  float weave_x = 0, weave_y = 0;
  float brightness = 1;
  float spot_x = 0, spot_y = 0, spot_radius = 0.3f;
};

Skin make_skin(const ClassLook& look, std::uint64_t seed, float brightness) {
  Random random(seed, 21, 0);
  Skin skin;
  const float hue = look.hue_spread * random.normal();
  const float light = std::clamp(1 + look.value_spread * random.normal(), 0.15f, 2.5f);
  const bool other = random.uniform() < look.other_share;
  skin.base = from_hsv({look.hue + hue, look.saturation, std::min(1.0f, look.value * light)});
  skin.accent = from_hsv({look.hue2 + hue, look.saturation2, std::min(1.0f, look.value2 * light)});
  if (other) std::swap(skin.base, skin.accent);
  skin.weave_x = random.uniform(0, 256);
  skin.weave_y = random.uniform(0, 256);
  skin.brightness = brightness;
  skin.spot_x = random.uniform(-0.3f, 0.3f);
  skin.spot_y = random.uniform(-0.25f, 0.25f);
  skin.spot_radius = (0.28f + 0.12f * look.pattern_place) * random.uniform(0.8f, 1.2f);
  return skin;
}

float height_at(Relief relief, float depth, float lift) {
  switch (relief) {
    case Relief::flat:
      return 0.5f;
    case Relief::dome:
      return std::sqrt(depth * (2 - depth));
    case Relief::plateau:
      return 0.5f * smooth_step(0, 0.28f, depth);
    case Relief::cone:
      return depth;
    case Relief::dimple:
      return std::sqrt(depth * (2 - depth)) - 0.55f * smooth_step(0.25f, 1.0f, depth);
    case Relief::composite:
      return lift * smooth_step(0, 0.25f, depth);
  }
  return 0;
}

void make_heights(const ClassLook& look, const Skin& skin, Brush& b) {
  const Fields& f = b.fields;
  for (std::size_t i = 0; i < f.inside.size(); ++i)
    b.height[i] = height_at(look.relief, f.depth[i], f.lift[i]);
  if (look.bump_height <= 0) return;
  const Texture& t = texture(look.bumps, look.weave_size);
  for (const std::size_t i : b.active)
    b.height[i] += look.bump_height * t.at(f.u[i] * look.weave_scale + skin.weave_x,
                                           f.v[i] * look.weave_scale + skin.weave_y);
}

void make_normals(float pixels, Brush& b) {
  const auto w = static_cast<std::size_t>(b.fields.width);
  for (const std::size_t i : b.active) {
    const float gx = 0.5f * pixels * (b.height[i - 1] - b.height[i + 1]);
    const float gy = 0.5f * pixels * (b.height[i - w] - b.height[i + w]);
    const float nz = 1 / std::sqrt(1 + gx * gx + gy * gy);
    b.normal_x[i] = gx * nz;
    b.normal_y[i] = gy * nz;
    b.normal_z[i] = nz;
  }
}

/// Pixels that the outline's softness reaches; never on the box's edge, so all have neighbours.
void find_active(float softness, Brush& b) {
  const Fields& f = b.fields;
  const float least = -0.5f * softness - 1;
  b.active.clear();
  for (int y = 1; y + 1 < f.height; ++y)
    for (auto i = static_cast<std::size_t>(y * f.width + 1);
         i < static_cast<std::size_t>((y + 1) * f.width - 1); ++i)
      if (f.inside[i] > least) b.active.push_back(i);
}

template <class At>
void each(Brush& b, At&& at) {
  for (const std::size_t i : b.active) b.pattern[i] = at(i);
}

/// 0: base colour, 1: accent.
void make_pattern(const ClassLook& look, const Skin& skin, const Shape& shape, Brush& b) {
  const Fields& f = b.fields;
  const float strength = look.pattern_strength, place = look.pattern_place;
  const Texture& drawn = texture(look.weave, look.weave_size);
  const auto weave = [&](std::size_t i) {
    return drawn.at(f.u[i] * look.weave_scale + skin.weave_x,
                    f.v[i] * look.weave_scale + skin.weave_y);
  };
  switch (look.pattern) {
    case Pattern::plain:
      return each(b, [](std::size_t) { return 0.0f; });
    case Pattern::mottled:
      return each(b, [&](std::size_t i) { return strength * clamp01(0.4f + 0.35f * weave(i)); });
    case Pattern::marbled:
    case Pattern::patches:
    case Pattern::spots:
    case Pattern::letters:
      return each(b, [&](std::size_t i) {
        return strength * clamp01((weave(i) - 0.6f - 0.5f * place) * 3);
      });
    case Pattern::stripes:
      return each(b, [&](std::size_t i) { return strength * clamp01(weave(i) * 2 + 0.5f); });
    case Pattern::two_tone:
      return each(b, [&](std::size_t i) { return clamp01((f.u[i] - 0.5f * place) * 12); });
    case Pattern::gradient:
      return each(b, [&](std::size_t i) {
        return strength * clamp01(0.5f + 0.5f * f.u[i] / shape.stretch_u);
      });
    case Pattern::rings:
      return each(b, [&](std::size_t i) {
        return strength * (0.5f + 0.5f * sine_of_turns((2 + 1.5f * (1 + place)) * f.depth[i]));
      });
    case Pattern::nucleus:
      return each(b, [&](std::size_t i) {
        const float x = f.u[i] - skin.spot_x, y = (f.v[i] - skin.spot_y) * 1.25f;
        return (0.4f + 0.6f * strength) *
               clamp01((skin.spot_radius + 0.06f * weave(i) - std::sqrt(x * x + y * y)) * 7 + 0.5f);
      });
  }
}

void make_colours(const Skin& skin, const Fields& f, Brush& b) {
  for (std::size_t k = 0; k < 3; ++k) {
    const float base = skin.base[k], step = skin.accent[k] - base;
    for (const std::size_t i : b.active) {
      const float to_accent = std::max(b.pattern[i], f.tone[i]);
      const float dark = std::min(0.0f, f.tone[i]) * 0.85f;
      b.colour[k][i] = (base + clamp01(to_accent) * step) * (1 + dark);
    }
  }
}

float power_of_two(float x, int doublings) {
  for (int i = 0; i < doublings; ++i) x *= x;
  return x;
}

void light_up(const World& world, const ClassLook& look, Brush& b) {
  const auto& l = world.light;
  const float hx = l[0], hy = l[1], hz = l[2] + 1;  // half way to the eye
  const float half = 1 / std::sqrt(hx * hx + hy * hy + hz * hz);
  const float flat = 1 / (world.ambient + (1 - world.ambient) * l[2]);
  for (const std::size_t i : b.active) {
    const float nx = b.normal_x[i], ny = b.normal_y[i], nz = b.normal_z[i];
    const float facing = std::max(0.0f, nx * l[0] + ny * l[1] + nz * l[2]);
    const float lit = (world.ambient * (0.45f + 0.55f * nz) + (1 - world.ambient) * facing) * flat;
    float tone = 1 + look.shading * (lit - 1);
    if (look.material == Material::metal) {
      const float mirror = 1.6f * (nx * l[0] + ny * l[1]) + 0.8f * nz;
      tone *= 0.35f + 1.1f * std::abs(mirror - std::floor(mirror + 0.5f)) * 2;
    }
    const float away = 1 - nz;
    tone *= 1 + look.edge_glow * away * 1.6f;
    if (look.rim != 0)
      tone *=
          std::max(0.0f, 1 + look.rim * (1 - smooth_step(0, look.rim_width, b.fields.depth[i])));
    float shine = 0;
    if (look.specular > 0)
      shine = look.specular *
              power_of_two(std::max(0.0f, (nx * hx + ny * hy + nz * hz) * half), look.gloss);
    for (std::size_t k = 0; k < 3; ++k) b.colour[k][i] = b.colour[k][i] * tone + shine;
  }
}

void make_alpha(const World& world, const ClassLook& look, Brush& b) {
  const Fields& f = b.fields;
  const float inverse = 1 / look.softness;
  const float see_through = 1 - look.opacity;
  std::fill(b.alpha.begin(), b.alpha.end(), 0.0f);
  for (const std::size_t i : b.active) {
    float alpha = clamp01(f.inside[i] * inverse + 0.5f);
    if (look.softness > 1.4f) alpha = alpha * alpha * (3 - 2 * alpha);
    const float rim = 1 - clamp01(f.depth[i] * 3);
    float cover = 1 - see_through * (1 - 0.6f * rim * rim);
    if (world.mixing != Mixing::cover) cover *= 1 - look.thickness * (1 - clamp01(b.height[i]));
    if (look.line > 0) {
      const float line =
          look.line * clamp01(look.line_width - std::abs(f.inside[i] - 0.5f * look.line_width));
      cover = std::max(cover, line);
      for (auto& colour : b.colour)
        colour[i] += line * (look.line_value * look.line_value - colour[i]);
    }
    b.alpha[i] = alpha * cover;
  }
}

/// The part of the box that lies in the frame.
template <class At>
void each_in_frame(const Box& box, int size, At&& at) {
  const int x0 = std::max(box.left, 0), x1 = std::min(box.left + box.width, size);
  const int y0 = std::max(box.top, 0), y1 = std::min(box.top + box.height, size);
  for (int y = y0; y < y1; ++y) {
    const int own = (y - box.top) * box.width - box.left;
    for (int x = x0; x < x1; ++x)
      at(static_cast<std::size_t>(y * size + x), static_cast<std::size_t>(own + x), x, y);
  }
}

/// What the object does to the light around it.
void shade_surroundings(const World& world, const ClassLook& look, const Pose& pose, const Box& box,
                        const Brush& b, Frame& frame) {
  const std::vector<float>& inside = b.fields.inside;
  const float solid = world.mixing == Mixing::cover ? look.opacity : 0.0f;
  if (world.shadow > 0 && solid > 0.3f) {
    const float length = world.shadow_length * pose.radius * (0.4f + 0.6f * look.bulge);
    const int dx = static_cast<int>(std::floor(-world.light[0] * length + 0.5f));
    const int dy = static_cast<int>(std::floor(-world.light[1] * length + 0.5f));
    const float inverse = 1 / world.shadow_softness;
    each_in_frame(box, frame.size, [&](std::size_t at, std::size_t, int x, int y) {
      const int sx = x - dx - box.left, sy = y - dy - box.top;
      if (sx < 0 || sy < 0 || sx >= box.width || sy >= box.height) return;
      const float cover =
          clamp01(inside[static_cast<std::size_t>(sy * box.width + sx)] * inverse + 0.5f);
      for (auto& plane : frame.planes) plane[at] *= 1 - world.shadow * solid * cover;
    });
  }
  if (world.contact > 0 && solid > 0)
    each_in_frame(box, frame.size, [&](std::size_t at, std::size_t own, int, int) {
      const float near = clamp01(1 + inside[own] / (2.5f * world.contact_width));
      const float dark = 1 - world.contact * solid * near * near;
      for (auto& plane : frame.planes) plane[at] *= dark;
    });
  if (world.halo > 0)
    each_in_frame(box, frame.size, [&](std::size_t at, std::size_t own, int, int) {
      const float near = clamp01(1 + inside[own] / world.halo_width);
      for (auto& plane : frame.planes) plane[at] += world.halo * near * near;
    });
}

Contrast mix_into(const World& world, const Skin& skin, const Box& box, const Brush& b,
                  Frame& frame) {
  Contrast sum;
  Colour root_shift{}, linear_shift{};
  int count = 0;
  each_in_frame(box, frame.size, [&](std::size_t at, std::size_t own, int, int) {
    const float alpha = b.alpha[own];
    if (alpha <= 0) return;
    float root = 0, linear = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      float& light = frame.planes[k][at];
      const float before = light, colour = std::max(0.0f, b.colour[k][own]);
      switch (world.mixing) {
        case Mixing::cover:
          light += alpha * (colour * skin.brightness - light);
          break;
        case Mixing::absorb:
          light *= 1 - alpha * skin.brightness * (1 - std::min(colour, 1.0f));
          break;
        case Mixing::emit:
          light += alpha * skin.brightness * colour;
      }
      const float root_step = std::sqrt(light) - std::sqrt(before), step = light - before;
      root = std::max(root, std::abs(root_step));
      linear = std::max(linear, std::abs(step));
      root_shift[k] += root_step, linear_shift[k] += step;
    }
    sum.root += root, sum.linear += linear, ++count;
  });
  // On a grained background every pixel changes; what shows is half that, half the mean's change.
  const auto largest = [](const Colour& c) {
    return std::max({std::abs(c[0]), std::abs(c[1]), std::abs(c[2])});
  };
  sum.root += largest(root_shift), sum.linear += largest(linear_shift);
  const float share = 0.5f / static_cast<float>(std::max(count, 1));
  return {sum.linear * share, sum.root * share};
}

}  // namespace

Box box_of(const World& world, const ClassLook& look, const Shape& shape, const Pose& pose) {
  const float shadow =
      world.shadow > 0 ? world.shadow_length * pose.radius + world.shadow_softness : 0.0f;
  const float around = std::max({shadow, world.contact > 0 ? 2.5f * world.contact_width : 0.0f,
                                 world.halo > 0 ? world.halo_width : 0.0f, look.softness}) +
                       2;
  const float c = std::abs(pose.cosine), s = std::abs(pose.sine);
  const float half_x = pose.radius * (c * shape.extent_u + s * shape.extent_v) + around;
  const float half_y =
      pose.radius * pose.squeeze * (s * shape.extent_u + c * shape.extent_v) + around;
  Box box;
  box.left = static_cast<int>(std::floor(pose.x - half_x));
  box.top = static_cast<int>(std::floor(pose.y - half_y));
  box.width = static_cast<int>(std::floor(pose.x + half_x)) + 1 - box.left;
  box.height = static_cast<int>(std::floor(pose.y + half_y)) + 1 - box.top;
  box.margin = around;
  return box;
}

Contrast paint_object(const World& world, const ClassLook& look, const Shape& shape,
                      const Pose& pose, const Box& box, std::uint64_t seed, float brightness,
                      Brush& brush, Frame& frame) {
  const std::size_t count = brush.fields.inside.size();
  for (std::vector<float>* field :
       {&brush.height, &brush.normal_x, &brush.normal_y, &brush.normal_z, &brush.pattern,
        &brush.alpha, &brush.colour[0], &brush.colour[1], &brush.colour[2]})
    field->resize(count);
  const Skin skin = make_skin(look, seed, brightness);
  find_active(look.softness, brush);
  make_heights(look, skin, brush);
  make_normals(look.bulge * pose.radius * std::min(shape.inner, 1.0f), brush);
  make_pattern(look, skin, shape, brush);
  make_colours(skin, brush.fields, brush);
  light_up(world, look, brush);
  make_alpha(world, look, brush);
  shade_surroundings(world, look, pose, box, brush, frame);
  return mix_into(world, skin, box, brush, frame);
}

}  // namespace persense::scenes::training
