// From light to the bytes of an image file.
#include <algorithm>
#include <array>
#include <cmath>

#include "frame.hpp"

namespace persense::scenes::training {

using namespace detail;

namespace {

using Plane = std::vector<float>;

void blur(Plane& plane, int size, float sigma) {
  const int reach = std::max(1, static_cast<int>(2.6f * sigma + 0.5f));
  std::array<float, 32> weights{};
  float sum = 0;
  for (int i = 0; i <= reach; ++i) {
    const float x = static_cast<float>(i) / sigma;
    weights[static_cast<std::size_t>(i)] = exp_of_minus(0.5f * x * x);
    sum += weights[static_cast<std::size_t>(i)] * (i == 0 ? 1.0f : 2.0f);
  }
  for (float& weight : weights) weight /= sum;
  const auto n = static_cast<std::size_t>(size);
  Plane padded(n + 2 * static_cast<std::size_t>(reach)), rows(n * n);
  for (int y = 0; y < size; ++y) {
    float* row = &plane[static_cast<std::size_t>(y) * n];
    for (int x = -reach; x < size + reach; ++x)
      padded[static_cast<std::size_t>(x + reach)] = row[std::clamp(x, 0, size - 1)];
    float* out = &rows[static_cast<std::size_t>(y) * n];
    const float* in = padded.data() + reach;
    for (int x = 0; x < size; ++x) out[x] = weights[0] * in[x];
    for (int i = 1; i <= reach; ++i)
      for (int x = 0; x < size; ++x)
        out[x] += weights[static_cast<std::size_t>(i)] * (in[x - i] + in[x + i]);
  }
  for (int y = 0; y < size; ++y) {
    float* out = &plane[static_cast<std::size_t>(y) * n];
    const auto row = [&](int at) {
      return &rows[static_cast<std::size_t>(std::clamp(at, 0, size - 1)) * n];
    };
    const float* middle = row(y);
    for (int x = 0; x < size; ++x) out[x] = weights[0] * middle[x];
    for (int i = 1; i <= reach; ++i) {
      const float *above = row(y - i), *below = row(y + i);
      for (int x = 0; x < size; ++x)
        out[x] += weights[static_cast<std::size_t>(i)] * (above[x] + below[x]);
    }
  }
}

/// Means of blocks of `factor` x `factor`; what is left over at the right and below joins the last.
Plane shrunk(const Plane& plane, int size, int factor) {
  const int small = size / factor;
  Plane result(static_cast<std::size_t>(small) * static_cast<std::size_t>(small));
  const float share = 1 / static_cast<float>(factor * factor);
  for (int y = 0; y < small; ++y)
    for (int x = 0; x < small; ++x) {
      float sum = 0;
      for (int dy = 0; dy < factor; ++dy)
        for (int dx = 0; dx < factor; ++dx)
          sum += plane[static_cast<std::size_t>((y * factor + dy) * size + x * factor + dx)];
      result[static_cast<std::size_t>(y * small + x)] = sum * share;
    }
  return result;
}

float between(const Plane& plane, int size, float x, float y) {
  const float last = static_cast<float>(size - 1);
  x = std::clamp(x, 0.0f, last), y = std::clamp(y, 0.0f, last);
  const int ix = std::min(static_cast<int>(x), size - 2),
            iy = std::min(static_cast<int>(y), size - 2);
  const float tx = x - static_cast<float>(ix), ty = y - static_cast<float>(iy);
  const float* p = &plane[static_cast<std::size_t>(iy * size + ix)];
  const float top = p[0] + tx * (p[1] - p[0]), bottom = p[size] + tx * (p[size + 1] - p[size]);
  return top + ty * (bottom - top);
}

/// `part` of the light is replaced by a wide blur of it.
void spread(Plane& plane, int size, int factor, float sigma, float part) {
  Plane small = shrunk(plane, size, factor);
  const int small_size = size / factor;
  if (sigma > 0) blur(small, small_size, sigma);
  const float inverse = 1 / static_cast<float>(factor);
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x) {
      float& value = plane[static_cast<std::size_t>(y * size + x)];
      const float wide = between(small, small_size, (static_cast<float>(x) + 0.5f) * inverse - 0.5f,
                                 (static_cast<float>(y) + 0.5f) * inverse - 0.5f);
      value += part * (wide - value);
    }
}

void smear(Plane& plane, int size, int length, float turn) {
  const Plane before = plane;
  const float dx = cosine_of_turns(turn), dy = sine_of_turns(turn);
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x) {
      float sum = 0;
      for (int i = 0; i < length; ++i) {
        const float t = static_cast<float>(i) - 0.5f * static_cast<float>(length - 1);
        sum +=
            between(before, size, static_cast<float>(x) + t * dx, static_cast<float>(y) + t * dy);
      }
      plane[static_cast<std::size_t>(y * size + x)] = sum / static_cast<float>(length);
    }
}

void sharpen(Plane& plane, int size, float amount) {
  Plane soft = plane;
  blur(soft, size, 1.0f);
  for (std::size_t i = 0; i < plane.size(); ++i)
    plane[i] = std::max(0.0f, plane[i] + amount * (plane[i] - soft[i]));
}

void light_unevenly(const Sensor& s, Random random, Frame& frame) {
  if (s.vignette == 0 && s.uneven == 0) return;
  const float turn = random.uniform(), c = cosine_of_turns(turn), d = sine_of_turns(turn);
  const float inverse = 2 / static_cast<float>(frame.size);
  std::size_t i = 0;
  for (int y = 0; y < frame.size; ++y)
    for (int x = 0; x < frame.size; ++x, ++i) {
      const float u = static_cast<float>(x) * inverse - 1, v = static_cast<float>(y) * inverse - 1;
      const float light =
          std::max(0.05f, 1 + s.uneven * (u * c + v * d) - s.vignette * (u * u + v * v));
      for (auto& plane : frame.planes) plane[i] *= light;
    }
}

/// The brightest part of the frame, without its highlights.
float bright_level(const Frame& frame) {
  std::array<int, 256> histogram{};
  int total = 0;
  for (std::size_t i = 0; i < frame.count(); i += 3, ++total) {
    const float value = std::max({frame.planes[0][i], frame.planes[1][i], frame.planes[2][i]});
    ++histogram[static_cast<std::size_t>(std::clamp(std::sqrt(value) * 128, 0.0f, 255.0f))];
  }
  int above = 0, bin = 255;
  for (; bin > 0 && above < total / 50; --bin) above += histogram[static_cast<std::size_t>(bin)];
  const float level = static_cast<float>(bin + 2) / 128;
  return level * level;
}

void develop(const Sensor& s, float level, Frame& frame) {
  const std::size_t count = frame.count();
  if (s.grey)
    for (std::size_t i = 0; i < count; ++i) {
      const float grey =
          0.3f * frame.planes[0][i] + 0.6f * frame.planes[1][i] + 0.1f * frame.planes[2][i];
      for (auto& plane : frame.planes) plane[i] = grey;
    }
  for (std::size_t k = 0; k < 3; ++k) {
    const float gain = s.exposure / level * (s.grey ? 1.0f : s.cast[k]);
    for (float& value : frame.planes[k]) {
      const float light = std::min(value * gain, 1.6f);
      value = light + s.gamma * (std::sqrt(light) - light);
    }
  }
}

/// 4096 values of a normal distribution.
const std::array<float, 4096>& normals() {
  static const std::array<float, 4096> table = [] {
    std::array<float, 4096> values{};
    Random random(4096);
    for (float& value : values) value = random.normal();
    return values;
  }();
  return table;
}

void add_noise(const Sensor& s, Random random, Frame& frame) {
  if (s.shot_noise == 0 && s.read_noise == 0) return;
  const auto& table = normals();
  const std::size_t count = frame.count();
  std::array<Plane, 3> noise;
  const std::size_t kinds = s.noise_grey || s.grey ? 1 : 3;
  for (std::size_t k = 0; k < kinds; ++k) {
    noise[k].resize(count);
    for (std::size_t i = 0; i < count; i += 4) {
      std::uint64_t bits = random.bits();
      for (std::size_t j = i; j < std::min(i + 4, count); ++j, bits >>= 12)
        noise[k][j] = table[static_cast<std::size_t>(bits & 4095u)];
    }
    if (s.noise_soft) {
      blur(noise[k], frame.size, 0.7f);
      for (float& value : noise[k]) value *= 2.4f;
    }
  }
  for (std::size_t k = 0; k < 3; ++k) {
    const Plane& own = noise[kinds == 1 ? 0 : k];
    for (std::size_t i = 0; i < count; ++i) {
      float& value = frame.planes[k][i];
      value += own[i] * (s.read_noise + s.shot_noise * std::sqrt(std::max(value, 0.0f)));
    }
  }
}

void to_display(const Sensor& s, Frame& frame) {
  const Colour tint = from_hsv({s.tint, 0.9f, 1.0f});
  for (std::size_t k = 0; k < 3; ++k) {
    const float strength = s.tint > 0 ? std::sqrt(tint[k]) : 1.0f;
    for (float& value : frame.planes[k]) {
      value = s.black + (1 - s.black) * value * strength;
      if (s.negative) value = 1 - value;
      value = clamp01(value) * 255;
    }
  }
}

// ---- Blocks of a JPEG file --------------------------------------------------------------------
// Written out because codecs' bytes differ between versions, and a seed has to mean one image.

using Block = std::array<float, 64>;

const Block& cosines() {
  static const Block table = [] {
    Block values{};
    for (int k = 0; k < 8; ++k)
      for (int x = 0; x < 8; ++x)
        values[static_cast<std::size_t>(k * 8 + x)] =
            (k == 0 ? 0.35355339f : 0.5f) *
            cosine_of_turns(static_cast<float>((2 * x + 1) * k) / 32);
    return values;
  }();
  return table;
}

/// rows(out) = sum over j of c(row, j) * in(j), for 8 columns at once.
template <bool transposed>
Block product(const Block& c, const Block& in) {
  Block out{};
  for (std::size_t k = 0; k < 8; ++k)
    for (std::size_t j = 0; j < 8; ++j) {
      const float weight = transposed ? c[j * 8 + k] : c[k * 8 + j];
      for (std::size_t x = 0; x < 8; ++x) out[k * 8 + x] += weight * in[j * 8 + x];
    }
  return out;
}

Block flipped(const Block& in) {
  Block out;
  for (std::size_t y = 0; y < 8; ++y)
    for (std::size_t x = 0; x < 8; ++x) out[x * 8 + y] = in[y * 8 + x];
  return out;
}

/// Annex K's luminance table, nearly: steps grow with the frequency.
float step_at(std::size_t k, int quality, bool colour) {
  const float frequency = static_cast<float>(k / 8 + k % 8);
  const float base =
      colour ? 16 + 14 * frequency : 10 + 3 * frequency + 0.9f * frequency * frequency;
  const float scale =
      quality < 50 ? 50.0f / static_cast<float>(quality) : 2 - 0.02f * static_cast<float>(quality);
  return std::max(1.0f, std::min(base, colour ? 99.0f : 120.0f) * scale);
}

void squeeze_blocks(Plane& plane, int size, int quality, bool colour) {
  const Block& c = cosines();
  Block steps{};
  for (std::size_t k = 0; k < 64; ++k) steps[k] = step_at(k, quality, colour);
  for (int top = 0; top + 8 <= size; top += 8)
    for (int left = 0; left + 8 <= size; left += 8) {
      Block block;
      for (int y = 0; y < 8; ++y)
        for (int x = 0; x < 8; ++x)
          block[static_cast<std::size_t>(y * 8 + x)] =
              plane[static_cast<std::size_t>((top + y) * size + left + x)] - 128;
      block = product<false>(c, flipped(product<false>(c, block)));
      for (std::size_t k = 0; k < 64; ++k)
        block[k] = std::floor(block[k] / steps[k] + 0.5f) * steps[k];
      block = product<true>(c, flipped(product<true>(c, block)));
      for (int y = 0; y < 8; ++y)
        for (int x = 0; x < 8; ++x)
          plane[static_cast<std::size_t>((top + y) * size + left + x)] =
              block[static_cast<std::size_t>(y * 8 + x)] + 128;
    }
}

void compress(const Sensor& s, Frame& frame) {
  auto& [red, green, blue] = frame.planes;
  const std::size_t count = frame.count();
  for (std::size_t i = 0; i < count; ++i) {
    const float r = red[i], g = green[i], b = blue[i];
    red[i] = 0.299f * r + 0.587f * g + 0.114f * b;
    green[i] = 128 - 0.1687f * r - 0.3313f * g + 0.5f * b;
    blue[i] = 128 + 0.5f * r - 0.4187f * g - 0.0813f * b;
  }
  squeeze_blocks(red, frame.size, s.jpeg_quality, false);
  if (!s.grey || s.tint > 0)
    for (Plane* plane : {&green, &blue}) {
      const int half = frame.size / 2;
      Plane small = shrunk(*plane, frame.size, 2);
      squeeze_blocks(small, half, s.jpeg_quality, true);
      for (int y = 0; y < frame.size; ++y)
        for (int x = 0; x < frame.size; ++x)
          (*plane)[static_cast<std::size_t>(y * frame.size + x)] = small[static_cast<std::size_t>(
              std::min(y / 2, half - 1) * half + std::min(x / 2, half - 1))];
    }
  for (std::size_t i = 0; i < count; ++i) {
    const float y = red[i], cb = green[i] - 128, cr = blue[i] - 128;
    red[i] = y + 1.402f * cr;
    green[i] = y - 0.34414f * cb - 0.71414f * cr;
    blue[i] = y + 1.772f * cb;
  }
}

}  // namespace

float expose(const World& world, std::uint64_t seed, Frame& frame, std::uint8_t* out,
             std::size_t stride) {
  const Sensor& s = world.sensor;
  Random random(seed, 31, 0);
  const int size = frame.size;
  const float turn = random.uniform();
  light_unevenly(s, Random(seed, 32, 0), frame);
  for (Plane& plane : frame.planes) {
    if (s.haze > 0) spread(plane, size, 4, 2.0f, s.haze);
    if (s.blur > 0) blur(plane, size, s.blur);
    if (s.motion > 0) smear(plane, size, s.motion, turn);
    if (s.coarse) spread(plane, size, 2, 0, 1);
    if (s.sharpen > 0) sharpen(plane, size, s.sharpen);
  }
  const float level = bright_level(frame);
  develop(s, level, frame);
  add_noise(s, Random(seed, 33, 0), frame);
  to_display(s, frame);
  if (s.jpeg_quality > 0) compress(s, frame);
  for (int y = 0; y < size; ++y) {
    std::uint8_t* row = out + static_cast<std::size_t>(y) * stride;
    for (int x = 0; x < size; ++x)
      for (std::size_t k = 0; k < 3; ++k)
        row[3 * static_cast<std::size_t>(x) + k] = static_cast<std::uint8_t>(
            std::clamp(frame.planes[k][static_cast<std::size_t>(y * size + x)], 0.0f, 255.0f) +
            0.5f);
  }
  return level;
}

}  // namespace persense::scenes::training
