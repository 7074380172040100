// What the objects lie on.
#include <algorithm>
#include <cmath>

#include "frame.hpp"

namespace persense::scenes::training {

using namespace detail;

namespace {

/// Per pixel, added up over the layers.
struct Sums {
  std::vector<float> tone, accent;
  explicit Sums(std::size_t count) : tone(count, 1.0f), accent(count, 0.0f) {}
};

void add_layer(const World& world, const BackgroundLayer& layer, float cosine, float sine,
               Random random, int size, Sums& sums) {
  const Texture& t = texture(layer.weave, layer.size);
  const float c = cosine * layer.scale, s = sine * layer.scale;
  const float left = random.uniform(0, 256), top = random.uniform(0, 256);
  // The slope towards the light, in texture pixels.
  const float lx = world.light[0] * cosine - world.light[1] * sine;
  const float ly = world.light[0] * sine + world.light[1] * cosine;
  std::size_t i = 0;
  for (int y = 0; y < size; ++y) {
    const float fy = static_cast<float>(y) / world.squeeze;
    for (int x = 0; x < size; ++x, ++i) {
      const float fx = static_cast<float>(x);
      const float u = fx * c - fy * s + left, v = fx * s + fy * c + top;
      const float value = t.at(u, v);
      float tone = layer.tone * value;
      if (layer.relief != 0) tone += layer.relief * (value - t.at(u + 1.5f * lx, v + 1.5f * ly));
      sums.tone[i] += tone;
      if (layer.accent > 0)
        sums.accent[i] += layer.accent * clamp01((value - layer.threshold) * 1.5f + 0.5f);
    }
  }
}

/// A grain's tone and height lie at one place.
std::uint64_t place_of(Weave weave) {
  return static_cast<std::uint64_t>(weave == Weave::grain_dome ? Weave::grain_tone : weave);
}

void add_lines(const World& world, Random random, int size, Sums& sums) {
  const float turn = random.uniform();
  const bool crossed = random.uniform() < 0.4f;
  const float half = random.uniform(0.4f, 2.2f);
  const float gap = random.uniform(0.8f, 1.2f) * static_cast<float>(size) /
                    static_cast<float>(world.background.ruled_lines);
  const float c = cosine_of_turns(turn), s = sine_of_turns(turn), start = random.uniform(0, gap);
  std::size_t i = 0;
  for (int y = 0; y < size; ++y) {
    for (int x = 0; x < size; ++x, ++i) {
      const auto cover = [&](float along) {
        const float from = along - gap * std::floor(along / gap + 0.5f);
        return clamp01(half + 0.5f - std::abs(from));
      };
      const float fx = static_cast<float>(x), fy = static_cast<float>(y);
      float line = cover(fx * c + fy * s + start);
      if (crossed) line = std::max(line, cover(fy * c - fx * s + start));
      sums.tone[i] *= 1 + line * (world.background.line_value - 1);
    }
  }
}

/// A wall round the image's middle; what is outside of it has another light.
void add_tray(const World& world, Random random, int size, Sums& sums) {
  const float side = static_cast<float>(size);
  const float x0 = side * random.uniform(0.35f, 0.65f), y0 = side * random.uniform(0.35f, 0.65f);
  const float half = side * random.uniform(0.42f, 0.62f), wall = random.uniform(1.5f, 7);
  const float corner = world.background.dish ? half : half * random.uniform(0.02f, 0.3f);
  const float outside = random.uniform(0.3f, 1.6f), edge = random.uniform(0.3f, 2.2f);
  std::size_t i = 0;
  for (int y = 0; y < size; ++y) {
    for (int x = 0; x < size; ++x, ++i) {
      const float dx = std::abs(static_cast<float>(x) - x0) - half + corner;
      const float dy = std::abs(static_cast<float>(y) - y0) - half + corner;
      const float ox = std::max(dx, 0.0f), oy = std::max(dy, 0.0f);
      const float from = std::sqrt(ox * ox + oy * oy) + std::min(std::max(dx, dy), 0.0f) - corner;
      const float beyond = clamp01(from + 0.5f), rim = clamp01(wall - std::abs(from - wall));
      sums.tone[i] *= (1 + beyond * (outside - 1)) * (1 + rim * (edge - 1));
    }
  }
}

}  // namespace

void paint_background(const World& world, std::uint64_t seed, Frame& frame) {
  const BackgroundStyle& g = world.background;
  Random random(seed, 11, 0);
  const int size = frame.size;
  Sums sums(frame.count());
  const float turn = random.uniform(), c = cosine_of_turns(turn), s = sine_of_turns(turn);
  for (const BackgroundLayer& layer : g.layers)
    add_layer(world, layer, c, s, Random(seed, 12, place_of(layer.weave)), size, sums);
  if (g.ruled_lines > 0) add_lines(world, Random(seed, 13, 0), size, sums);
  if (g.tray) add_tray(world, Random(seed, 14, 0), size, sums);
  const float slope = g.slope / static_cast<float>(size);
  std::size_t i = 0;
  for (int y = 0; y < size; ++y) {
    for (int x = 0; x < size; ++x, ++i) {
      const float along = (static_cast<float>(x) - 0.5f * static_cast<float>(size)) * c +
                          (static_cast<float>(y) - 0.5f * static_cast<float>(size)) * s;
      const float tone = std::max(0.0f, sums.tone[i] * (1 + slope * along));
      const float accent = clamp01(sums.accent[i]);
      for (std::size_t k = 0; k < 3; ++k)
        frame.planes[k][i] = tone * (g.base[k] + accent * (g.accent[k] - g.base[k]));
    }
  }
}

}  // namespace persense::scenes::training
