// Half widths along an axis.
#include "kernels.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace persense::scenes::training {

using namespace detail;

namespace {

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

}  // namespace

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
  const float scale = std::sqrt(std::numbers::pi_v<float> / area);  // half length
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

}  // namespace persense::scenes::training
