// Silhouettes of several parts.
#include "kernels.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace persense::scenes::training {

using namespace detail;

namespace {

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

}  // namespace

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
  const float wide = std::sqrt(aspect), scale = std::sqrt(std::numbers::pi_v<float> / area);
  shape.stretch_u = scale * wide;
  shape.stretch_v = scale / wide;
  shape.extent_u = 1.2f * shape.stretch_u;
  shape.extent_v = 1.2f * shape.stretch_v;
  shape.inner = 0.4f * scale;
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

}  // namespace persense::scenes::training
