// Chains of balls.
#include "kernels.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace persense::scenes::training {

using namespace detail;

namespace {

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

}  // namespace

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
  const float scale = std::sqrt(std::numbers::pi_v<float> / area);
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

}  // namespace persense::scenes::training
