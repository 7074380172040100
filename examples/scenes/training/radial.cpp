// Outlines by direction. A direction (c, s) has the index 64 * p, where p in [0, 4) goes round the
// diamond |x| + |y| = 1: no angle is ever computed.
#include "kernels.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace persense::scenes::training {

using namespace detail;

namespace {

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

}  // namespace

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

}  // namespace persense::scenes::training
