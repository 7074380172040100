#include "shapes.hpp"

#include <algorithm>
#include <cmath>

namespace persense::scenes::training {

using namespace detail;

namespace {

// ---- Outlines by direction --------------------------------------------------------------------
// A direction (c, s) has the index 64 * p, where p in [0, 4) goes round the diamond |x| + |y| = 1:
// no angle is ever computed.

/// A turn as a unit vector.
struct Phase {
  float c, s;
  explicit Phase(float turns) : c(cosine_of_turns(turns)), s(sine_of_turns(turns)) {}
  Phase(float cosine, float sine) : c(cosine), s(sine) {}
};

constexpr int most_waves = 24;

/// A direction and the cosines and sines of its angle's multiples, from 0 to most_waves.
struct Direction {
  float c = 1, s = 0;
  std::array<float, most_waves + 1> re{}, im{};
  /// Cosine of n times the angle plus `phase`.
  float harmonic(int n, const Phase& phase) const {
    const auto i = static_cast<std::size_t>(n);
    return re[i] * phase.c - im[i] * phase.s;
  }
};

Direction make_direction(int index) {
  const float p = static_cast<float>(index) / 64;
  float x = p - 3, y = p < 3 ? 2 - p : p - 4;
  if (p < 2) x = 1 - p, y = p < 1 ? p : 2 - p;
  const float inverse = 1 / std::sqrt(x * x + y * y);
  Direction d;
  d.c = x * inverse, d.s = y * inverse;
  d.re[0] = 1;
  for (std::size_t n = 1; n <= most_waves; ++n) {
    d.re[n] = d.re[n - 1] * d.c - d.im[n - 1] * d.s;
    d.im[n] = d.re[n - 1] * d.s + d.im[n - 1] * d.c;
  }
  return d;
}

const Direction& direction_of(int index) {
  static const std::array<Direction, 256> all = [] {
    std::array<Direction, 256> directions;
    for (int i = 0; i < 256; ++i) directions[static_cast<std::size_t>(i)] = make_direction(i);
    return directions;
  }();
  return all[static_cast<std::size_t>(index & 255)];
}

float index_of(float x, float y) {
  const float sum = std::abs(x) + std::abs(y) + 1e-12f;
  const float part = y / sum;
  const float p = x >= 0 ? (y >= 0 ? part : 4 + part) : 2 - part;
  return std::min(p * 64, 255.99f);
}

/// @return  what 1 is of the given radii
template <class Radius>
float set_radial(Shape& shape, Radius&& radius) {
  shape.kernel = Kernel::radial;
  float squares = 0, turn = 0;
  for (int i = 0; i < 256; ++i)
    shape.table[static_cast<std::size_t>(i)] = std::max(0.15f, radius(direction_of(i)));
  for (int i = 0; i < 256; ++i) {  // steps of the index are not equal angles
    const Direction &a = direction_of(i), &b = direction_of(i + 1);
    const float angle = a.c * b.s - a.s * b.c;
    const float r = shape.table[static_cast<std::size_t>(i)];
    squares += r * r * angle;
    turn += angle;
  }
  const float scale = 1 / std::sqrt(squares / turn);
  for (float& r : shape.table) r *= scale;
  shape.table[256] = shape.table[0];
  shape.inner = 9;
  float extent = 0;
  for (int i = 0; i < 256; ++i) {
    const auto k = static_cast<std::size_t>(i);
    const Direction &a = direction_of(i), &b = direction_of(i + 1);
    const float step = shape.table[k + 1] - shape.table[k];
    const float slope = step / (shape.table[k] * (a.c * b.s - a.s * b.c));
    shape.slope[k] = 1 / std::sqrt(1 + slope * slope);
    shape.inner = std::min(shape.inner, shape.table[k]);
    extent = std::max(extent, shape.table[k]);
  }
  shape.slope[256] = shape.slope[0];
  shape.extent_u = shape.extent_v = extent;
  return 1 / scale;
}

/// 1 over the radius of a convex polygon given by its sides.
struct Sides {
  std::array<float, 16> c{}, s{}, inverse{};
  int count = 0;
  void add(const Phase& direction, float distance) {
    const auto i = static_cast<std::size_t>(count++);
    c[i] = direction.c, s[i] = direction.s, inverse[i] = 1 / distance;
  }
  /// Sharp corners, or rounded ones by an 8-norm instead of the maximum.
  float radius(const Direction& d, float sharpness) const {
    float largest = 0.1f, powers = 0;
    for (int k = 0; k < count; ++k) {
      const auto i = static_cast<std::size_t>(k);
      const float value = std::max(0.0f, (c[i] * d.c + s[i] * d.s) * inverse[i]);
      largest = std::max(largest, value);
      const float square = value * value, fourth = square * square;
      powers += fourth * fourth;
    }
    const float rounded = std::sqrt(std::sqrt(std::sqrt(powers)));
    return 1 / (rounded + sharpness * (largest - rounded));
  }
};

Sides regular(int count, float phase, float spread, Random& random) {
  Sides sides;
  for (int i = 0; i < count; ++i) {
    const float shift = spread * random.uniform(-0.4f, 0.4f);
    const float distance = 1 + spread * random.uniform(-0.3f, 0.3f);
    sides.add(Phase(phase + (static_cast<float>(i) + shift) / static_cast<float>(count)), distance);
  }
  return sides;
}

float superellipse(const Direction& d, float squareness) {
  const float cc = d.c * d.c, ss = d.s * d.s;
  const float square = 1 / std::sqrt(std::sqrt(cc * cc + ss * ss));
  const float box = 1 / std::max(std::abs(d.c), std::abs(d.s));
  return squareness < 0.5f ? 1 + 2 * squareness * (square - 1)
                           : square + (2 * squareness - 1) * (box - square);
}

/// The outline of a family without the noise that any may have.
template <class Use>
void with_outline(const ClassShape& k, Random& random, Use&& use) {
  const int n = k.lobes;
  const float turn = random.uniform();
  const Phase phase(turn);
  Random own(k.seed);
  const float a = own.uniform(), b = own.uniform();
  switch (k.family) {
    case Family::superellipse:
      return use([=](const Direction& d) { return superellipse(d, 0.2f + 0.8f * k.sharpness); });
    case Family::egg:
      return use([=](const Direction& d) { return 1 + (0.08f + 0.12f * a) * d.c; });
    case Family::polygon:
    case Family::rounded_polygon: {
      const float sharp = k.family == Family::polygon ? 1.0f : 0.0f;
      const Sides sides = regular(n, k.aspect > 1.1f ? 0 : turn, 0.3f * k.irregularity, random);
      return use([=](const Direction& d) { return sides.radius(d, sharp); });
    }
    case Family::crystal: {
      const Sides sides = regular(4 + random.below(4), turn, 1.0f, random);
      return use([=](const Direction& d) { return sides.radius(d, 0.9f); });
    }
    case Family::hex_nut:
    case Family::hex_bolt: {
      const Sides sides = regular(6, turn, 0, random);
      return use([=](const Direction& d) { return std::min(sides.radius(d, 1.0f), 1.12f); });
    }
    case Family::star:
      return use([=](const Direction& d) {
        const float ray = 0.5f + 0.5f * d.harmonic(n, phase);
        return 1 / (1 + (0.6f + 1.6f * k.sharpness) * (1 - ray) * (0.5f + 0.5f * k.sharpness));
      });
    case Family::gear:
      return use([=](const Direction& d) {
        return 1 + (0.10f + 0.14f * a) * smooth_step(-0.25f, 0.25f, d.harmonic(2 * n + 2, phase));
      });
    case Family::clover:
      return use([=](const Direction& d) {
        return 1 + (0.12f + 0.25f * a) * d.harmonic(2 + n % 4, phase);
      });
    case Family::shell: {
      const Phase still(0);
      return use([=](const Direction& d) {
        const float fan = 0.5f + 0.5f * d.c;
        return 0.45f + 0.55f * smooth_step(0.0f, 0.7f, fan) +
               0.025f * d.harmonic(16 + n, still) * fan;
      });
    }
    case Family::splat: {
      const Phase second(a);
      return use([=](const Direction& d) {
        const float spike = std::max(0.0f, d.harmonic(n, phase) + 0.6f * d.harmonic(n + 2, second));
        return 0.75f + (0.25f + 0.35f * b) * spike * spike;
      });
    }
    case Family::tree_crown: {
      const Phase p2(a + turn), p3(3 * turn), p4(7 * turn);
      return use([=](const Direction& d) {
        return 1 + 0.10f * d.harmonic(3, phase) + 0.08f * d.harmonic(7, p2) +
               0.06f * d.harmonic(12, p3) + 0.05f * d.harmonic(19, p4);
      });
    }
    case Family::blob: {
      const Phase p2(5 * turn), p3(11 * turn), p4(17 * turn);
      return use([=](const Direction& d) {
        return 1 + 0.16f * d.harmonic(2, phase) + 0.12f * d.harmonic(3, p2) +
               0.08f * d.harmonic(4, p3) + 0.05f * d.harmonic(5, p4);
      });
    }
    default:  // ellipses: bubble, ring, disc_cell, crescent, kidney, heads
      return use([](const Direction&) { return 1.0f; });
  }
}

void make_radial(const ClassShape& k, Random& random, Shape& shape) {
  std::array<float, 5> noise{};
  std::vector<Phase> phases;
  for (std::size_t i = 0; i < noise.size(); ++i) {
    noise[i] = k.irregularity * random.normal() * 1.1f / static_cast<float>(i + 2);
    phases.emplace_back(random.uniform());
  }
  with_outline(k, random, [&](auto&& outline) {
    set_radial(shape, [&](const Direction& d) {
      float radius = outline(d);
      if (k.irregularity > 0)
        for (int i = 0; i < 5; ++i)
          radius *= 1 + noise[static_cast<std::size_t>(i)] *
                            d.harmonic(i + 2, phases[static_cast<std::size_t>(i)]);
      return radius;
    });
  });
  if (k.hole > 0) {
    shape.hole = k.hole;
    shape.inner = std::max(0.1f, (1 - k.hole) / 2);
  }
  if (k.family == Family::crescent) {
    shape.bite_x = 0.7f;
    shape.bite_radius = 0.85f;
    shape.inner = 0.35f;
  }
}

// ---- Profiles: half width along the axis ------------------------------------------------------

/// Half width over half length at t in [0, 1] from the rear to the tip.
float profile_at(const ClassShape& k, float t, float a, float b) {
  const float x = 2 * t - 1, round = std::sqrt(std::max(0.0f, 1 - x * x));
  switch (k.family) {
    case Family::drop:
      return round * (1 - (0.5f + 0.3f * a) * t) * (1 - 0.5f * smooth_step(0.6f, 1.0f, t));
    case Family::leaf:
      return (1 - x * x) * (1.1f - (0.4f + 0.4f * a) * t) * (1 + 0.10f * b * sine_of_turns(9 * t)) +
             (t < 0.06f ? 0.03f : 0.0f);
    case Family::diatom:
      return std::sqrt(std::max(0.0f, 1 - std::abs(x))) * (0.8f + 0.2f * round);
    case Family::boat:
      return std::min(1.0f, (0.6f + 4 * t) * (0.8f + 0.2f * a)) *
             std::sqrt(std::max(0.0f, 1 - smooth_step(0.45f, 1.0f, t)));
    case Family::bottle: {
      const float shoulder = 0.5f + 0.2f * a, neck = 0.28f + 0.14f * b;
      const float corner = std::min(1.0f, 0.75f + 12 * t);
      const float cap = t > 0.9f ? 0.06f : 0.0f;
      return corner * (1 - (1 - neck) * smooth_step(shoulder, shoulder + 0.2f, t)) + cap;
    }
    case Family::can:
      return std::min(1.0f, std::min(0.82f + 5 * t, 0.82f + 5 * (1 - t)));
    case Family::screw: {
      if (t < 0.16f) return 1.0f - 0.3f * a * t;  // head
      const float taper = 1 - smooth_step(0.82f, 1.0f, t);
      return (0.40f + 0.1f * a) * (0.25f + 0.75f * taper) * (1 + 0.14f * cosine_of_turns(22 * t));
    }
    case Family::pear:
      return round * (1 - (0.42f + 0.15f * a) * smooth_step(0.35f, 0.85f, t));
    default:  // spindle
      return round * round * (0.7f + 0.3f * round);
  }
}

void make_profile(const ClassShape& k, float aspect, Random& random, Shape& shape) {
  shape.kernel = Kernel::profile;
  Random own(k.seed);
  const float a = clamp01(own.uniform() + 0.1f * random.normal()), b = own.uniform();
  float area = 0, widest = 0;
  for (int i = 0; i <= 256; ++i) {
    const float width = profile_at(k, static_cast<float>(i) / 256, a, b);
    shape.table[static_cast<std::size_t>(i)] = width;
    widest = std::max(widest, width);
  }
  for (float& width : shape.table) {
    width /= widest * aspect;
    area += 2 * width * 2 / 257;
  }
  const float scale = std::sqrt(3.14159265f / area);  // half length
  shape.stretch_u = scale;
  for (std::size_t i = 0; i <= 256; ++i) {
    shape.table[i] *= scale;
    shape.inner = i == 0 ? shape.table[i] : std::max(shape.inner, shape.table[i]);
  }
  for (std::size_t i = 0; i <= 256; ++i) {
    const std::size_t low = i < 2 ? 0 : i - 2, high = std::min<std::size_t>(256, i + 2);
    const float slope =
        (shape.table[high] - shape.table[low]) * 128 / (static_cast<float>(high - low) * scale);
    shape.slope[i] = 1 / std::sqrt(1 + slope * slope);
  }
  shape.bend = k.bend * random.uniform(0.5f, 1.2f) / scale;
  shape.extent_u = scale;
  shape.extent_v = shape.inner + std::abs(shape.bend) * scale * scale * 0.7f;
}

// ---- Chains of balls --------------------------------------------------------------------------

/// A path whose direction turns by `turning` of a whole turn along it.
void add_path(Shape& shape, int steps, float length, float radius, float turning, float wander,
              float taper, Random& random) {
  float x = 0, y = 0, turn = random.uniform(), wandering = 0;
  const float step = length / static_cast<float>(steps);
  for (int i = 0; i <= steps; ++i) {
    const float t = static_cast<float>(i) / static_cast<float>(steps);
    shape.beads.push_back({x, y, radius * (1 - taper * t * t), i > 0});
    wandering = 0.7f * wandering + wander * random.normal();
    turn += turning / static_cast<float>(steps) + wandering;
    x += step * cosine_of_turns(turn);
    y += step * sine_of_turns(turn);
  }
}

void make_beads(const ClassShape& k, float aspect, Random& random, Shape& shape) {
  Random own(k.seed);
  const float a = own.uniform(), b = own.uniform();
  const float length = 2 * (aspect - 1);  // between the ends' centres; half width 1
  switch (k.family) {
    case Family::rod:
    case Family::capsule:
      add_path(shape, 1, length, 1, 0, 0, 0, random);
      break;
    case Family::curved_rod:
      add_path(shape, 5, length, 1, (0.1f + 0.3f * a) * (0.6f + 0.6f * random.uniform()), 0, 0,
               random);
      break;
    case Family::fibre:
      add_path(shape, 9, length, 1, 0.2f * random.normal() * a, 0.012f + 0.03f * b, 0.2f * a,
               random);
      break;
    case Family::spiral:
      add_path(shape, 11, length, 1, 0.6f + 0.8f * a, 0.01f, 0.3f * b, random);
      break;
    case Family::budding: {
      const float second = random.uniform(0.45f, 1.0f), apart = 0.75f * (1 + second);
      const float turn = random.uniform();
      shape.beads.push_back({0, 0, 1, false});
      if (random.uniform() < 0.75f)
        shape.beads.push_back(
            {apart * cosine_of_turns(turn), apart * sine_of_turns(turn), second, false});
      break;
    }
    case Family::dumbbell:
      add_path(shape, 1, 2.0f + 1.5f * a, 0.35f, 0, 0, 0, random);
      for (int i = 0; i < 2; ++i) {
        Bead end = shape.beads[static_cast<std::size_t>(i)];
        end.radius = 1, end.joined = false;
        shape.beads.push_back(end);
      }
      break;
    default:  // branch
      for (int arm = 0; arm < 3 + k.lobes % 3; ++arm) {
        const float turn = (static_cast<float>(arm) + 0.3f * random.normal()) /
                           (3.0f + static_cast<float>(k.lobes % 3));
        const float far = random.uniform(2.0f, 4.5f);
        shape.beads.push_back({0, 0, 1.0f, false});
        shape.beads.push_back({far * cosine_of_turns(turn), far * sine_of_turns(turn), 0.6f, true});
      }
  }
}

void make_chain(const ClassShape& k, float aspect, Random& random, Shape& shape) {
  shape.kernel = Kernel::chain;
  make_beads(k, aspect, random, shape);
  float x = 0, y = 0, area = 0;
  for (std::size_t i = 0; i < shape.beads.size(); ++i) {
    const Bead& bead = shape.beads[i];
    x += bead.x, y += bead.y;
    if (bead.joined) {
      const Bead& last = shape.beads[i - 1];
      const float dx = bead.x - last.x, dy = bead.y - last.y;
      area += std::sqrt(dx * dx + dy * dy) * (bead.radius + last.radius);
    }
    if (i == 0 || !bead.joined) area += 2.6f * bead.radius * bead.radius;
  }
  const float count = static_cast<float>(shape.beads.size());
  const float scale = std::sqrt(3.14159265f / area);
  shape.inner = shape.extent_u = shape.extent_v = 0;
  for (Bead& bead : shape.beads) {
    bead.x = (bead.x - x / count) * scale;
    bead.y = (bead.y - y / count) * scale;
    bead.radius *= scale;
    shape.inner = std::max(shape.inner, bead.radius);
    shape.extent_u = std::max(shape.extent_u, std::abs(bead.x) + bead.radius);
    shape.extent_v = std::max(shape.extent_v, std::abs(bead.y) + bead.radius);
  }
}

// ---- Composites -------------------------------------------------------------------------------

void add_parts(const ClassShape& k, Random& random, Shape& shape) {
  Random own(k.seed);
  const float a = own.uniform(), b = own.uniform();
  const auto body = [&](float x, float y, float hu, float hv, float round, float tone,
                        float height) {
    shape.parts.push_back({x, y, hu, hv, round, tone, height, false});
  };
  const auto mark = [&](float x, float y, float hu, float hv, float round, float tone,
                        float height) {
    shape.parts.push_back({x, y, hu, hv, round, tone, height, true});
  };
  switch (k.family) {
    case Family::car: {
      const float half = 0.42f + 0.06f * a;
      body(0, 0, 1, half, 0.45f, 0, 0.45f);
      if (b < 0.7f) {
        mark(0.28f, 0, 0.15f, half * 0.8f, 0.3f, -1, 0.55f);   // windscreen
        mark(-0.62f, 0, 0.1f, half * 0.75f, 0.3f, -1, 0.55f);  // rear window
        mark(-0.18f, 0, 0.34f, half * 0.8f, 0.3f, 0, 0.8f);    // roof
      } else {
        mark(0.72f, 0, 0.22f, half * 0.95f, 0.3f, 1, 0.7f);  // a lorry's cab
        mark(0.84f, 0, 0.05f, half * 0.8f, 0.2f, -1, 0.6f);
        mark(-0.2f, 0, 0.72f, half * 0.98f, 0.05f, 0, 0.9f);
      }
      break;
    }
    case Family::plane:
      body(0, 0, 1, 0.12f, 0.9f, 0, 0.9f);
      body(0.05f, 0, 0.14f + 0.08f * a, 0.95f, 0.4f, 0, 0.5f);
      body(-0.85f, 0, 0.08f, 0.36f, 0.4f, 0, 0.6f);
      mark(0.75f, 0, 0.06f, 0.08f, 0.8f, -1, 0.9f);
      break;
    case Family::animal: {
      const float turn = 0.15f * random.normal();
      body(0, 0, 0.75f, 0.36f + 0.1f * a, 1, 0, 0.6f);
      body(0.85f, turn, 0.26f, 0.17f, 1, b < 0.5f ? 1.0f : 0.0f, 0.5f);
      for (int leg = 0; leg < 4; ++leg) {
        const float side = (leg & 1) != 0 ? 1.0f : -1.0f;
        body(leg < 2 ? 0.45f : -0.5f, side * (0.36f + 0.1f * random.uniform()), 0.07f, 0.22f, 0.8f,
             0, 0.3f);
      }
      if (a > 0.5f) body(-0.85f, 0.1f * random.normal(), 0.2f, 0.05f, 0.8f, 0, 0.3f);
      break;
    }
    case Family::person:
      body(0, 0, 0.36f, 0.95f, 0.95f, 0, 0.5f);
      if (a > 0.4f) body(0.35f, random.uniform(-0.6f, 0.6f), 0.38f, 0.13f, 0.8f, 0, 0.4f);
      body(0.05f, 0, 0.42f, 0.40f, 1, b < 0.7f ? -1.0f : 1.0f, 0.9f);
      break;
    case Family::packet:
      body(0, 0, 1, 0.62f + 0.3f * a, 0.08f + 0.2f * b, 0, 0.5f);
      mark(0, 0, 0.55f + 0.2f * a, 0.3f, 0.1f + 0.9f * b, 1, 0.5f);
      mark(0.1f, 0.05f, 0.3f, 0.07f, 0, -1, 0.5f);
      break;
    default:  // insect
      body(-0.35f, 0, 0.62f, 0.36f, 1, 0, 0.6f);
      body(0.35f, 0, 0.30f, 0.27f, 1, 1, 0.55f);
      body(0.75f, 0, 0.2f, 0.2f, 1, -1, 0.5f);
      for (int leg = 0; leg < 6; ++leg) {
        const float side = (leg & 1) != 0 ? 1.0f : -1.0f;
        body(0.1f + 0.3f * static_cast<float>(leg / 2), side * 0.45f, 0.045f, 0.36f, 0.9f, -1,
             0.2f);
      }
      if (a > 0.5f)
        for (const float side : {-0.12f, 0.12f}) mark(-0.3f, side, 0.5f, 0.12f, 1, 1, 0.7f);
  }
}

/// Signed distance, positive inside.
float inside_part(const Part& part, float u, float v) {
  const float x = u - part.x, y = v - part.y;
  if (part.round >= 1) {
    const float p = x / part.half_u, q = y / part.half_v;
    const float radius = std::sqrt(p * p + q * q) + 1e-6f;
    const float gp = p / part.half_u, gq = q / part.half_v;
    return (1 - radius) * radius / (std::sqrt(gp * gp + gq * gq) + 1e-6f);
  }
  const float corner = part.round * std::min(part.half_u, part.half_v);
  const float dx = std::abs(x) - part.half_u + corner, dy = std::abs(y) - part.half_v + corner;
  const float ox = std::max(dx, 0.0f), oy = std::max(dy, 0.0f);
  return corner - std::sqrt(ox * ox + oy * oy) - std::min(std::max(dx, dy), 0.0f);
}

void make_composite(const ClassShape& k, float aspect, Random& random, Shape& shape) {
  shape.kernel = Kernel::parts;
  add_parts(k, random, shape);
  int hits = 0;  // the parts overlap, so the area is counted
  constexpr int steps = 12;
  for (int y = -steps; y <= steps; ++y) {
    for (int x = -steps; x <= steps; ++x) {
      const float u = 1.2f * static_cast<float>(x) / steps,
                  v = 1.2f * static_cast<float>(y) / steps;
      hits += std::any_of(shape.parts.begin(), shape.parts.end(), [&](const Part& part) {
        return !part.painted && inside_part(part, u, v) > 0;
      });
    }
  }
  const float area = static_cast<float>(std::max(hits, 20)) * (1.2f / steps) * (1.2f / steps);
  const float wide = std::sqrt(aspect), scale = std::sqrt(3.14159265f / area);
  shape.stretch_u = scale * wide;
  shape.stretch_v = scale / wide;
  shape.extent_u = 1.2f * shape.stretch_u;
  shape.extent_v = 1.2f * shape.stretch_v;
  shape.inner = 0.4f * scale;
}

Kernel kernel_of(Family family) {
  switch (family) {
    case Family::drop:
    case Family::leaf:
    case Family::diatom:
    case Family::boat:
    case Family::bottle:
    case Family::can:
    case Family::screw:
    case Family::pear:
    case Family::spindle:
      return Kernel::profile;
    case Family::rod:
    case Family::capsule:
    case Family::curved_rod:
    case Family::fibre:
    case Family::spiral:
    case Family::budding:
    case Family::dumbbell:
    case Family::branch:
      return Kernel::chain;
    case Family::car:
    case Family::plane:
    case Family::animal:
    case Family::person:
    case Family::packet:
    case Family::insect:
      return Kernel::parts;
    default:
      return Kernel::radial;
  }
}

float random_aspect(Family family, Random& random) {
  const float t = random.uniform();
  switch (family) {
    case Family::rod:
    case Family::capsule:
      return 1.6f + 3.5f * t * t;
    case Family::curved_rod:
      return 2.2f + 3 * t;
    case Family::fibre:
      return 6 + 12 * t * t;
    case Family::spiral:
      return 7 + 8 * t;
    case Family::screw:
      return 2.2f + 2 * t;
    case Family::leaf:
    case Family::diatom:
    case Family::spindle:
      return 1.7f + 3.0f * t * t;
    case Family::boat:
    case Family::bottle:
      return 2.2f + 1.6f * t;
    case Family::can:
      return 1.2f + 0.9f * t;
    case Family::drop:
    case Family::pear:
      return 1.2f + 0.7f * t;
    case Family::kidney:
      return 1.5f + 0.6f * t;
    case Family::car:
    case Family::plane:
    case Family::animal:
    case Family::person:
    case Family::packet:
    case Family::insect:
      return 0.9f + 0.3f * t;
    case Family::bubble:
    case Family::ring:
    case Family::hex_nut:
    case Family::hex_bolt:
    case Family::gear:
    case Family::disc_cell:
      return random.uniform() < 0.8f ? 1.0f : 1 + 0.3f * t;
    default:
      return random.uniform() < 0.3f ? 1.0f : 1 + 1.2f * t * t;
  }
}

}  // namespace

void Fields::resize(int new_width, int new_height) {
  width = new_width;
  height = new_height;
  const std::size_t count = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  for (std::vector<float>* field : {&u, &v, &inside, &depth, &tone, &lift}) field->resize(count);
}

ClassShape random_class_shape(Family family, Random& random) {
  ClassShape shape;
  shape.family = family;
  shape.aspect = random_aspect(family, random);
  shape.aspect_spread = random.uniform() < 0.5f ? 0.03f : random.uniform(0.05f, 0.25f);
  const bool made = family == Family::hex_nut || family == Family::hex_bolt ||
                    family == Family::gear || family == Family::ring || family == Family::bubble ||
                    family == Family::superellipse;
  shape.irregularity =
      random.uniform() < (made ? 0.85f : 0.35f) ? 0.0f : random.uniform(0.03f, 0.2f);
  shape.lobes = 3 + random.below(6);
  shape.sharpness = random.uniform();
  if (family == Family::ring) shape.hole = random.uniform(0.3f, 0.78f);
  if (family == Family::hex_nut) shape.hole = random.uniform(0.42f, 0.62f);
  if (family == Family::gear && random.uniform() < 0.6f) shape.hole = random.uniform(0.15f, 0.5f);
  shape.bend = kernel_of(family) == Kernel::profile && random.uniform() < 0.3f
                   ? random.uniform(0.1f, 0.35f)
                   : 0.0f;
  if (family == Family::can || family == Family::bottle || family == Family::boat ||
      family == Family::screw)
    shape.bend = 0;
  if (family == Family::kidney) shape.bend = random.uniform(0.25f, 0.6f);
  shape.seed = random.bits();
  return shape;
}

Tile make_tile(std::span<const std::array<float, 2>> neighbours, float gap, float sharpness) {
  Sides sides;
  for (const auto& to : neighbours) {
    const float distance = std::sqrt(to[0] * to[0] + to[1] * to[1]);
    if (sides.count < 16)
      sides.add({to[0] / distance, to[1] / distance}, std::max(1.0f, 0.5f * (distance - gap)));
  }
  Tile tile;
  tile.radius =
      set_radial(tile.shape, [&](const Direction& d) { return sides.radius(d, sharpness); });
  return tile;
}

Shape make_shape(const ClassShape& of_class, Random& random) {
  Shape shape;
  const float aspect =
      std::max(1.0f, of_class.aspect *
                         (1 + of_class.aspect_spread * std::clamp(random.normal(), -2.0f, 2.0f)));
  switch (kernel_of(of_class.family)) {
    case Kernel::profile:
      make_profile(of_class, aspect, random, shape);
      break;
    case Kernel::chain:
      make_chain(of_class, aspect, random, shape);
      break;
    case Kernel::parts:
      make_composite(of_class,
                     of_class.aspect * (1 + 0.3f * of_class.aspect_spread * random.uniform(-1, 1)),
                     random, shape);
      break;
    case Kernel::radial:
      make_radial(of_class, random, shape);
      shape.stretch_u = std::sqrt(aspect);
      shape.stretch_v = 1 / shape.stretch_u;
      shape.extent_u *= shape.stretch_u;
      shape.extent_v *= shape.stretch_v;
      shape.inner *= shape.stretch_v;
      if (of_class.family == Family::kidney) {
        shape.bend = of_class.bend * random.uniform(0.8f, 1.2f) / shape.stretch_u;
        shape.extent_v += shape.bend * shape.stretch_u * shape.stretch_u * 0.7f;
      }
      break;
  }
  return shape;
}

namespace {

/// Calls `at(u, v, i)` for each pixel.
template <class At>
void each_pixel(const Pose& pose, int left, int top, Fields& f, At&& at) {
  const float inverse = 1 / pose.radius, upright = pose.mirrored ? -1.0f : 1.0f;
  std::size_t i = 0;
  for (int y = 0; y < f.height; ++y) {
    const float dy = (static_cast<float>(top + y) - pose.y) * inverse / pose.squeeze;
    for (int x = 0; x < f.width; ++x, ++i) {
      const float dx = (static_cast<float>(left + x) - pose.x) * inverse;
      f.u[i] = dx * pose.cosine + dy * pose.sine;
      f.v[i] = upright * (dy * pose.cosine - dx * pose.sine);
      at(f.u[i], f.v[i], i);
    }
  }
}

void fill_radial(const Shape& shape, const Pose& pose, int left, int top, Fields& f) {
  const float inverse_u = 1 / shape.stretch_u, inverse_v = 1 / shape.stretch_v;
  each_pixel(pose, left, top, f, [&](float u, float v, std::size_t i) {
    const float x = u * inverse_u;
    const float y = (v + shape.bend * (u * u - 0.4f)) * inverse_v;
    const float distance = std::sqrt(x * x + y * y) + 1e-6f;
    const float index = index_of(x, y);
    const int low = static_cast<int>(index);
    const float t = index - static_cast<float>(low);
    const auto k = static_cast<std::size_t>(low);
    const float radius = shape.table[k] + t * (shape.table[k + 1] - shape.table[k]);
    const float gu = x * inverse_u, gv = y * inverse_v;
    // (1 - q) over the length of q's gradient, where q = distance / radius
    const float per_unit = distance / std::sqrt(gu * gu + gv * gv + 1e-12f) * shape.slope[k];
    float inside = (radius - distance) * per_unit;
    float depth = 1 - distance / radius;
    if (shape.hole > 0) {
      const float from_hole = (distance - shape.hole) * per_unit;
      depth = std::min(depth, distance - shape.hole) / shape.inner;
      inside = std::min(inside, from_hole);
    }
    if (shape.bite_radius > 0) {
      const float bx = x - shape.bite_x, by = y - shape.bite_y;
      const float from_bite = std::sqrt(bx * bx + by * by) - shape.bite_radius;
      depth = std::min(depth, from_bite) / shape.inner;
      inside = std::min(inside, from_bite * per_unit);
    }
    f.inside[i] = inside * pose.radius;
    f.depth[i] = clamp01(depth);
  });
}

void fill_profile(const Shape& shape, const Pose& pose, int left, int top, Fields& f) {
  const float half = shape.stretch_u;
  each_pixel(pose, left, top, f, [&](float u, float v, std::size_t i) {
    const float across = std::abs(v + shape.bend * (u * u - 0.35f * half * half));
    const float position = (u / half + 1) * 128;
    const float index = std::clamp(position, 0.0f, 255.99f);
    const auto k = static_cast<std::size_t>(index);
    const float t = index - static_cast<float>(k);
    const float width = shape.table[k] + t * (shape.table[k + 1] - shape.table[k]);
    const float beyond = std::max(std::abs(u) - half, 0.0f);
    const float gap = std::max(across - width, 0.0f);
    const float end = half - std::abs(u);
    f.inside[i] =
        pose.radius * (beyond > 0 ? -std::sqrt(beyond * beyond + gap * gap)
                                  : std::min((width - across) * shape.slope[k], end + 0.02f));
    f.depth[i] =
        beyond > 0 ? 0.0f : clamp01(1 - across / (width + 1e-4f)) * clamp01(3 * end / shape.inner);
  });
}

/// One ball, or the cone between it and the one before: adds to the fields where it matters.
void add_bead(const Shape& shape, std::size_t k, const Pose& pose, int left, int top, float margin,
              Fields& f) {
  const Bead& bead = shape.beads[k];
  const Bead& last = bead.joined ? shape.beads[k - 1] : bead;
  const float ax = last.x - bead.x, ay = last.y - bead.y;
  const float inverse = bead.joined ? 1 / (ax * ax + ay * ay + 1e-9f) : 0.0f;
  // The middle in pixels, and how far its pixels reach.
  const float u = bead.x + 0.5f * ax, v = (bead.y + 0.5f * ay) * (pose.mirrored ? -1.0f : 1.0f);
  const float x =
      pose.x + pose.radius * (u * pose.cosine - v * pose.sine) - static_cast<float>(left);
  const float y = pose.y - static_cast<float>(top) +
                  pose.radius * (u * pose.sine + v * pose.cosine) * pose.squeeze;
  const float reach = margin + pose.radius * (std::max(bead.radius, last.radius) +
                                              0.5f * std::sqrt(ax * ax + ay * ay));
  const int x0 = std::max(0, static_cast<int>(x - reach)),
            x1 = std::min(f.width, static_cast<int>(x + reach) + 2);
  const int y0 = std::max(0, static_cast<int>(y - reach)),
            y1 = std::min(f.height, static_cast<int>(y + reach) + 2);
  for (int row = y0; row < y1; ++row)
    for (auto i = static_cast<std::size_t>(row * f.width + x0);
         i < static_cast<std::size_t>(row * f.width + x1); ++i) {
      float dx = f.u[i] - bead.x, dy = f.v[i] - bead.y;
      const float t = clamp01((dx * ax + dy * ay) * inverse);
      dx -= t * ax, dy -= t * ay;
      const float radius = bead.radius + t * (last.radius - bead.radius);
      const float distance = std::sqrt(dx * dx + dy * dy);
      f.inside[i] = std::max(f.inside[i], (radius - distance) * pose.radius);
      f.depth[i] = std::max(f.depth[i], 1 - distance / radius);
    }
}

void fill_chain(const Shape& shape, const Pose& pose, int left, int top, float margin, Fields& f) {
  each_pixel(pose, left, top, f, [](float, float, std::size_t) {});
  std::fill(f.inside.begin(), f.inside.end(), -999.0f);
  std::fill(f.depth.begin(), f.depth.end(), 0.0f);
  for (std::size_t k = 0; k < shape.beads.size(); ++k) {
    const bool covered =
        !shape.beads[k].joined && k + 1 < shape.beads.size() && shape.beads[k + 1].joined;
    if (!covered) add_bead(shape, k, pose, left, top, margin, f);  // else the next one does it
  }
}

void fill_parts(const Shape& shape, const Pose& pose, int left, int top, Fields& f) {
  const float scale = std::min(shape.stretch_u, shape.stretch_v) * pose.radius;
  const float inverse_u = 1 / shape.stretch_u, inverse_v = 1 / shape.stretch_v;
  const float pixel = 1 / scale;
  each_pixel(pose, left, top, f, [&](float u, float v, std::size_t i) {
    float inside = -9, depth = 0, tone = 0, lift = 0;
    for (const Part& part : shape.parts) {
      const float own = inside_part(part, u * inverse_u, v * inverse_v);
      const float cover = clamp01(own / pixel + 0.5f);
      tone += cover * (part.tone - tone);
      lift += cover * (part.height - lift);
      if (part.painted) continue;
      inside = std::max(inside, own);
      depth = std::max(depth, own / std::min(part.half_u, part.half_v));
    }
    f.inside[i] = inside * scale;
    f.depth[i] = clamp01(depth);
    f.tone[i] = tone;
    f.lift[i] = lift;
  });
}

}  // namespace

void fill_fields(const Shape& shape, const Pose& pose, int left, int top, float margin,
                 Fields& fields) {
  if (shape.kernel != Kernel::parts) {
    std::fill(fields.tone.begin(), fields.tone.end(), 0.0f);
    std::fill(fields.lift.begin(), fields.lift.end(), 0.0f);
  }
  switch (shape.kernel) {
    case Kernel::radial:
      return fill_radial(shape, pose, left, top, fields);
    case Kernel::profile:
      return fill_profile(shape, pose, left, top, fields);
    case Kernel::chain:
      return fill_chain(shape, pose, left, top, margin, fields);
    case Kernel::parts:
      return fill_parts(shape, pose, left, top, fields);
  }
}

}  // namespace persense::scenes::training
