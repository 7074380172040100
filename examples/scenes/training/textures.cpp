#include "textures.hpp"

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>

#include "../random.hpp"

namespace persense::scenes::training {

using namespace detail;

namespace {

constexpr int size = Texture::size;
using Values = std::vector<float>;

/// `persistence`: strength of an octave over the one before it.
float periodic_fractal(float x, float y, int period, float persistence, std::uint32_t seed) {
  float sum = 0, weight = 0.6f;
  for (std::uint32_t i = 0; period <= size / 2; ++i) {
    sum += weight * value_noise(x * static_cast<float>(period) / size,
                                y * static_cast<float>(period) / size, seed + i * 7919u, period,
                                period);
    period *= 2;
    weight *= persistence;
  }
  return sum;
}

template <class At>
Values painted(At&& at) {
  Values values(static_cast<std::size_t>(size) * size);
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x)
      values[static_cast<std::size_t>(y * size + x)] =
          at(static_cast<float>(x), static_cast<float>(y));
  return values;
}

struct Line {
  float x, y;    ///< where it starts
  float dx, dy;  ///< one step
  int steps;
  float half_width, value;
};

/// Adds a soft line that wraps round the edges.
void add_line(Values& values, const Line& line) {
  auto [x, y, dx, dy, steps, half_width, value] = line;
  const int reach = static_cast<int>(half_width) + 1;
  for (int i = 0; i < steps; ++i, x += dx, y += dy) {
    const int ix = static_cast<int>(std::floor(x)), iy = static_cast<int>(std::floor(y));
    for (int py = iy - reach; py <= iy + reach; ++py) {
      for (int px = ix - reach; px <= ix + reach; ++px) {
        const float ex = static_cast<float>(px) - x, ey = static_cast<float>(py) - y;
        const float cover = clamp01(half_width + 0.5f - std::sqrt(ex * ex + ey * ey));
        float& target = values[static_cast<std::size_t>((py & 255) * size + (px & 255))];
        target += cover * (value - target);
      }
    }
  }
}

Values strokes(int detail, Random& random) {
  Values values(static_cast<std::size_t>(size) * size, 0.0f);
  const int count = 500 << detail;
  for (int i = 0; i < count; ++i) {
    const float turn = 0.25f + 0.13f * random.normal(), speed = 0.8f;
    add_line(values,
             {random.uniform(0, size), random.uniform(0, size), speed * cosine_of_turns(turn),
              speed * sine_of_turns(turn), (20 + random.below(30)) >> detail,
              random.uniform(0.4f, 2.2f) / static_cast<float>(1 + detail), random.uniform(-1, 1)});
  }
  return values;
}

Values scratches(int detail, Random& random) {
  Values values(static_cast<std::size_t>(size) * size, 0.0f);
  for (int i = 0; i < (12 << detail); ++i) {
    const float turn = random.uniform();
    add_line(values, {random.uniform(0, size), random.uniform(0, size), cosine_of_turns(turn),
                      sine_of_turns(turn), 30 + random.below(140), random.uniform(0.1f, 0.9f),
                      random.uniform(0.4f, 1.0f)});
  }
  return values;
}

Values text(int detail, Random& random) {
  Values values(static_cast<std::size_t>(size) * size, 0.0f);
  const int height = 24 >> detail, glyph = std::max(3, height / 2);
  for (int y = height; y + height <= size; y += 2 * height) {
    for (int x = 4; x < size - 2 * glyph; x += glyph + 2) {
      if (random.uniform() < 0.16f) continue;  // a space
      for (int stroke = 0; stroke < 3; ++stroke) {
        const float x0 = static_cast<float>(x + random.below(2) * (glyph - 2));
        const float y0 = static_cast<float>(y + random.below(3) * (height / 2 - 1));
        const bool upright = random.uniform() < 0.5f;
        add_line(values, {x0, y0, upright ? 0 : 0.7f, upright ? 0.7f : random.uniform(-0.3f, 0.3f),
                          upright ? height : glyph, 0.6f, 1});
      }
    }
  }
  return values;
}

Values speckles(int detail, Random& random) {
  Values values(static_cast<std::size_t>(size) * size, 0.0f);
  for (int i = 0; i < (110 << (2 * detail)); ++i)
    add_line(values, {random.uniform(0, size), random.uniform(0, size), 0, 0, 1,
                      random.uniform(1.0f, 5.0f) / static_cast<float>(1 << detail),
                      random.uniform() < 0.8f ? random.uniform(0.5f, 1.0f) : -0.6f});
  return values;
}

float tile_value(float x, float y, int period, std::uint32_t seed) {
  const float cell = static_cast<float>(size) / static_cast<float>(period);
  const int row = static_cast<int>(y / cell * 2);
  const float shifted = x + ((row & 1) != 0 ? cell / 2 : 0.0f);
  const int column = static_cast<int>(shifted / cell) & (period - 1);
  const float in_x = shifted / cell - std::floor(shifted / cell);
  const float in_y = y / cell * 2 - static_cast<float>(row);
  const float edge = std::min(std::min(in_x, 1 - in_x) * 2, std::min(in_y, 1 - in_y));
  return 0.4f * lattice_value(column, row, seed) + 1.5f * smooth_step(0.03f, 0.1f, edge);
}

float cloth_value(float x, float y, int period, std::uint32_t seed) {
  const float turns = static_cast<float>(period) / size;
  const float wander = 0.12f * value_noise(x / 32, y / 32, seed, 8, 8);
  const float warp = cosine_of_turns(x * turns + wander),
              weft = cosine_of_turns(y * turns + wander);
  const float dyed = lattice_value(static_cast<int>(x * turns), 1, seed) * 0.4f;
  return std::max(warp * (0.7f + 0.3f * weft), weft * (0.7f - 0.3f * warp)) + dyed +
         0.3f * value_noise(x / 2, y / 2, seed + 1, 128, 128);
}

Values drawn(Weave weave, int detail) {
  // Neighbours in the bank share nothing, but the two textures of grains share their grains.
  const std::uint32_t seed =
      weave == Weave::grain_tone || weave == Weave::grain_dome
          ? 77u + static_cast<std::uint32_t>(detail)
          : 1000u * (static_cast<std::uint32_t>(weave) + 1u) + static_cast<std::uint32_t>(detail);
  Random random(seed);
  const int period = 8 << detail;
  const auto fractal = [&](float x, float y, int first, float persistence) {
    return periodic_fractal(x, y, first, persistence, seed);
  };
  const auto cell = [&](float x, float y, int cells) {
    const float scale = static_cast<float>(cells) / size;
    return cellular_noise(x * scale, y * scale, seed, cells);
  };
  switch (weave) {
    case Weave::clouds:
      return painted([&](float x, float y) { return fractal(x, y, 2 << detail, 0.45f); });
    case Weave::rough:
      return painted([&](float x, float y) { return fractal(x, y, 2 << detail, 0.78f); });
    case Weave::grain:
      return painted([&](float x, float y) { return fractal(x, y, 32 << detail, 0.9f); });
    case Weave::wrinkles:
      return painted([&](float x, float y) { return -std::abs(fractal(x, y, 4 << detail, 0.5f)); });
    case Weave::marble:
      return painted([&](float x, float y) {
        return sine_of_turns((1.0f + static_cast<float>(detail)) * 1.6f * fractal(x, y, 4, 0.5f));
      });
    case Weave::cloth:
      return painted([&](float x, float y) { return cloth_value(x, y, 4 * period, seed); });
    case Weave::wood:
      return painted([&](float x, float y) {
        const float bend = value_noise(x / 64, y / 32, seed, 4, 8);
        return sine_of_turns(y * static_cast<float>(period) / size / 2 + bend) +
               1.3f * value_noise(x / 16, y / 2, seed + 1, 16, 128) * (0.6f + bend * 0.4f);
      });
    case Weave::grain_tone:
      return painted([&](float x, float y) {
        const CellPoint c = cell(x, y, 2 * period);
        return static_cast<float>(c.bits >> 24) / 256 -
               1.6f * (1 - smooth_step(0.02f, 0.25f, c.second - c.nearest));
      });
    case Weave::grain_dome:
      return painted([&](float x, float y) {
        const CellPoint c = cell(x, y, 2 * period);
        return std::min(c.second - c.nearest, 0.6f) - 0.4f * c.nearest * c.nearest;
      });
    case Weave::speckles:
      return speckles(detail, random);
    case Weave::strokes:
      return strokes(detail, random);
    case Weave::scratches:
      return scratches(detail, random);
    case Weave::text:
      return text(detail, random);
    case Weave::stripes:
      return painted([&](float x, float y) {
        return sine_of_turns(x * static_cast<float>(period) / size +
                             0.12f * value_noise(x / 32, y / 32, seed, 8, 8));
      });
    case Weave::tiles:
      return painted([&](float x, float y) { return tile_value(x, y, period / 2, seed); });
    case Weave::net:
      return painted([&](float x, float y) {
        const CellPoint c = cell(x, y, period);
        return 1 - smooth_step(0.0f, 0.22f, c.second - c.nearest);
      });
    case Weave::ripples:
      return painted([&](float x, float y) {
        return sine_of_turns(y * static_cast<float>(period) / size + fractal(x, y, 4, 0.5f) * 1.2f);
      });
  }
  return {};
}

Values normalised(Values values) {
  double sum = 0, squares = 0;
  for (const float value : values) {
    sum += value;
    squares += static_cast<double>(value) * value;
  }
  const double mean = sum / static_cast<double>(values.size());
  const double deviation = std::sqrt(squares / static_cast<double>(values.size()) - mean * mean);
  for (float& value : values)
    value = std::clamp(static_cast<float>((value - mean) / deviation), -3.0f, 3.0f);
  return values;
}

}  // namespace

const Texture& texture(Weave weave, int size_of_detail) {
  static std::array<std::once_flag, weave_count * weave_sizes> once;
  static std::array<std::optional<Texture>, weave_count * weave_sizes> bank;
  const auto index =
      static_cast<std::size_t>(static_cast<int>(weave) * weave_sizes + size_of_detail);
  std::call_once(once[index],
                 [&] { bank[index].emplace(normalised(drawn(weave, size_of_detail))); });
  return *bank[index];
}

}  // namespace persense::scenes::training
