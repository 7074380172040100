#include "painting.hpp"

#include <algorithm>
#include <cmath>
#include <opencv2/core/utility.hpp>

#include "purpose.hpp"

namespace persense::scenes::detail {
namespace {

/// A rectangle of intermediate values round one item, reused from item to item.
struct Patch {
  cv::Rect area;
  std::vector<float> outline, distance, height;
  std::vector<SkinPoint> skin;

  void reset(const cv::Rect& rectangle) {
    area = rectangle;
    const auto pixels =
        static_cast<std::size_t>(area.width) * static_cast<std::size_t>(area.height);
    outline.resize(pixels);
    distance.resize(pixels);
    height.resize(pixels);
    skin.resize(pixels);
  }
  std::size_t at(int x, int y) const {
    return static_cast<std::size_t>(y - area.y) * static_cast<std::size_t>(area.width) +
           static_cast<std::size_t>(x - area.x);
  }
};

cv::Rect grown(const cv::Rect& r, int by) {
  return {r.x - by, r.y - by, r.width + 2 * by, r.height + 2 * by};
}

/// Fills `outline` over the patch and `distance`, in pixels and negative inside, over all but its
/// border.
void measure(const Item& item, Patch& patch) {
  const cv::Rect& r = patch.area;
  for (int y = r.y; y < r.y + r.height; ++y) {
    for (int x = r.x; x < r.x + r.width; ++x) {
      patch.outline[patch.at(x, y)] = item.outline_at(static_cast<float>(x), static_cast<float>(y));
    }
  }
  const float* f = patch.outline.data();
  const auto row = static_cast<std::size_t>(r.width);
  for (int y = r.y + 1; y < r.y + r.height - 1; ++y) {
    for (int x = r.x + 1; x < r.x + r.width - 1; ++x) {
      const std::size_t i = patch.at(x, y);
      const float gx = 0.5f * (f[i + 1] - f[i - 1]), gy = 0.5f * (f[i + row] - f[i - row]);
      // First order: value over slope. The floor keeps it finite at the middle, where the slope
      // vanishes.
      patch.distance[i] = f[i] / std::max(std::sqrt(gx * gx + gy * gy), 0.25f / item.unit);
    }
  }
}

/// Fills `skin` and `height` where the object can be seen, over all but the patch's border.
void cover_with_skin(const Item& item, Patch& patch, float edge) {
  const cv::Rect& r = patch.area;
  const Body& body = item.body;
  const float dome = body.thickness * std::min(body.half_width, 1.0f) * item.unit;
  std::fill(patch.height.begin(), patch.height.end(), 0.0f);
  for (int y = r.y + 1; y < r.y + r.height - 1; ++y) {
    for (int x = r.x + 1; x < r.x + r.width - 1; ++x) {
      const std::size_t i = patch.at(x, y);
      if (patch.distance[i] > edge + 1.5f) continue;
      const auto px = static_cast<float>(x), py = static_cast<float>(y);
      const float depth = clamp01(-patch.outline[i]);
      const SkinPoint point = skin_at(body, item.u_at(px, py), item.v_at(px, py), depth);
      const float t = std::min(1.0f, depth / body.bevel);
      patch.skin[i] = point;
      patch.height[i] = dome * std::sqrt(t * (2 - t)) + point.bump * item.unit;
    }
  }
}

/// Linear light from a lit surface with slopes (sx, sy).
Colour lit_colour(const Style& style, const Body& body, const SkinPoint& skin, float sx, float sy) {
  const float inverse = 1 / std::sqrt(sx * sx + sy * sy + 1);
  const float nx = -sx * inverse, ny = -sy * inverse, nz = inverse;
  const float facing = nx * style.light_x + ny * style.light_y + nz * style.light_z;
  const float diffuse = clamp01((facing + 0.15f) / 1.15f);
  const float sky = 0.30f + 0.70f * nz * nz;
  // Halfway between the light and the viewer, who looks straight down.
  const float length = std::sqrt(2 + 2 * style.light_z);
  float highlight = (nx * style.light_x + ny * style.light_y + nz * (style.light_z + 1)) / length;
  highlight = std::max(highlight, 0.0f);
  for (int i = 0; i < body.shine_sharpness; ++i) highlight *= highlight;
  const float shine = body.shine * skin.shine;
  Colour colour = skin.albedo * (0.34f * sky + 0.80f * diffuse);
  if (body.metallic > 0) {
    // Metal mirrors the room: a bright window towards the light, a dim wall opposite.
    const float across = nx * style.light_x + ny * style.light_y;
    const float window = smooth_step(0.02f, 0.45f, across),
                wall = smooth_step(0.02f, 0.4f, -across);
    colour = blend(colour, skin.albedo * (0.46f + 0.8f * window - 0.30f * wall), body.metallic);
  }
  const Colour tint = blend(Colour(1, 1, 1), skin.albedo * 1.4f, body.metallic);
  colour += tint * (shine * 0.75f * highlight);
  return {colour[0] * style.light[0], colour[1] * style.light[1], colour[2] * style.light[2]};
}

/// A lit object's shadows: where they fall and how soft they are, in pixels.
struct Shadow {
  int shift_x, shift_y;
  float soft, tight;
  int shift() const { return std::max(std::abs(shift_x), std::abs(shift_y)); }
};

Shadow shadow_of(const Style& style, const Item& item) {
  const Body& body = item.body;
  const float rise = std::min(1.0f, body.thickness) * std::min(body.half_width, 1.0f) * item.unit;
  const float away = 0.34f * rise / style.light_z;
  return {static_cast<int>(std::floor(-style.light_x * away + 0.5f)),
          static_cast<int>(std::floor(-style.light_y * away + 0.5f)), 0.8f + 0.42f * rise,
          0.6f + 0.16f * rise};
}

/// Darkens what lies below: a soft cast shadow away from the light, and a tight one at the contact.
void cast_shadow(const Shadow& shadow, const Patch& patch, const cv::Rect& visible,
                 cv::Mat& image) {
  const float soft = shadow.soft, tight = shadow.tight;
  for (int y = visible.y; y < visible.y + visible.height; ++y) {
    auto* row = image.ptr<Colour>(y);
    for (int x = visible.x; x < visible.x + visible.width; ++x) {
      const float here = patch.distance[patch.at(x, y)];
      if (here < -1.0f) continue;  // under the object itself
      const float cast = patch.distance[patch.at(x - shadow.shift_x, y - shadow.shift_y)];
      if (cast > soft && here > tight) continue;
      const float dark = 0.62f * (1 - smooth_step(-soft, soft, cast)) +
                         0.30f * (1 - smooth_step(-tight, tight, here));
      row[x] *= std::max(0.12f, 1 - dark);
    }
  }
}

void paint_lit(const Style& style, const Item& item, const Patch& patch, const cv::Rect& visible,
               cv::Mat& image) {
  const auto row_length = static_cast<std::size_t>(patch.area.width);
  for (int y = visible.y; y < visible.y + visible.height; ++y) {
    auto* row = image.ptr<Colour>(y);
    for (int x = visible.x; x < visible.x + visible.width; ++x) {
      const std::size_t i = patch.at(x, y);
      const float alpha = clamp01(0.5f - patch.distance[i]);
      if (alpha <= 0) continue;
      const float* h = patch.height.data() + i;
      const float sx = 0.5f * (h[1] - h[-1]), sy = 0.5f * (h[row_length] - *(h - row_length));
      row[x] = blend(row[x], lit_colour(style, item.body, patch.skin[i], sx, sy), alpha);
    }
  }
}

/// Adds light, with the soft edge and the halo of an object out of focus.
void paint_glowing(const Item& item, const Patch& patch, const cv::Rect& visible, float edge,
                   cv::Mat& image) {
  const float halo = 0.35f * item.radius();
  for (int y = visible.y; y < visible.y + visible.height; ++y) {
    auto* row = image.ptr<Colour>(y);
    for (int x = visible.x; x < visible.x + visible.width; ++x) {
      const std::size_t i = patch.at(x, y);
      const float distance = patch.distance[i];
      const float alpha = 1 - smooth_step(-edge, edge, distance);
      if (alpha > 0) row[x] = row[x] * (1 - 0.75f * alpha) + patch.skin[i].albedo * alpha;
      row[x] += item.body.base * (0.035f * (1 - alpha) *
                                  exp_of_minus(std::min(20.0f, std::max(0.0f, distance) / halo)));
    }
  }
}

/// Takes light away, as dye does.
void paint_absorbing(const Item& item, const Patch& patch, const cv::Rect& visible, float edge,
                     cv::Mat& image) {
  const bool nucleus = item.body.skin == Skin::stain;
  const float around = 0.5f * item.radius();
  const Colour cytoplasm = blend(Colour(1, 1, 1), item.body.accent, 0.45f);
  for (int y = visible.y; y < visible.y + visible.height; ++y) {
    auto* row = image.ptr<Colour>(y);
    for (int x = visible.x; x < visible.x + visible.width; ++x) {
      const std::size_t i = patch.at(x, y);
      const float distance = patch.distance[i];
      const float alpha = 1 - smooth_step(-edge, edge, distance);
      if (nucleus) {
        const float near = 1 - smooth_step(-around, around, distance);
        row[x] = row[x].mul(blend(Colour(1, 1, 1), cytoplasm, near));
      }
      if (alpha > 0)
        row[x] = blend(
            row[x], patch.skin[i].albedo.mul(row[x] * 0.35f + Colour(0.65f, 0.65f, 0.65f)), alpha);
    }
  }
}

/// Paints the part of one item that falls into rows of `band`.
void paint_item(const Style& style, const Item& item, const cv::Rect& band, Patch& patch,
                cv::Mat& image) {
  const bool lit = item.body.optics == Optics::lit;
  const Shadow shadow = shadow_of(style, item);
  const float halo = item.body.optics == Optics::glowing ? 1.05f : 0.5f;  // over the radius
  const float reach = lit ? static_cast<float>(shadow.shift()) + shadow.soft : halo * item.radius();
  const cv::Rect visible = grown(item.box(), static_cast<int>(std::ceil(reach)) + 1) & band;
  if (visible.empty()) return;
  patch.reset(grown(visible, (lit ? shadow.shift() : 0) + 2));
  measure(item, patch);
  const float edge = 0.6f + item.body.blur * item.radius();
  cover_with_skin(item, patch, edge);
  switch (item.body.optics) {
    case Optics::lit:
      cast_shadow(shadow, patch, visible, image);
      paint_lit(style, item, patch, visible, image);
      break;
    case Optics::glowing:
      paint_glowing(item, patch, visible, edge, image);
      break;
    case Optics::absorbing:
      paint_absorbing(item, patch, visible, edge, image);
      break;
  }
}

/// Debris on the background: small, anywhere, under everything.
std::vector<Item> draw_crumbs(const SceneOptions& options, const Style& style, float diameter) {
  const auto number =
      static_cast<int>(std::floor(options.clutter * 1.5f * static_cast<float>(options.count)));
  std::vector<Item> crumbs;
  for (int i = 0; i < number; ++i) {
    Random random(options.seed, Purpose::crumb, static_cast<std::uint64_t>(i));
    const float size = std::max(2.0f, diameter * random.uniform(0.05f, 0.20f));
    const Body body = draw_crumb(style, Random(random.bits()));
    Item item = make_item(body, size, random.uniform());
    item.x = random.uniform() * static_cast<float>(options.width);
    item.y = random.uniform() * static_cast<float>(options.height);
    crumbs.push_back(item);
  }
  return crumbs;
}

/// The lamp's unevenness at (x, y) in 0..1 of the frame.
float lamp_at(const Style& style, float x, float y) {
  const float dx = x - 0.5f, dy = y - 0.5f;
  const float towards = dx * style.light_x + dy * style.light_y;
  const float slope = style.background == Background::tissue ? 0.06f : 0.30f;
  return 1.04f + slope * towards - 0.30f * (dx * dx + dy * dy);
}

void paint_background(const SceneOptions& options, const Style& style, float diameter,
                      const cv::Rect& band, cv::Mat& image) {
  const auto seed =
      static_cast<std::uint32_t>(Random(options.seed, Purpose::background, 0).bits() >> 32);
  // Backgrounds keep their scale to the objects, within what can be drawn without beating against
  // the pixels.
  const float scale = 1 / std::max(diameter, 24.0f);
  for (int y = band.y; y < band.y + band.height; ++y) {
    auto* row = image.ptr<Colour>(y);
    for (int x = 0; x < options.width; ++x) {
      row[x] = background_at(style, static_cast<float>(x) * scale, static_cast<float>(y) * scale,
                             options.clutter, seed);
    }
  }
}

/// Sensor noise of one pixel for a standard deviation of 1, in three channels.
Colour sensor_noise(int x, int y, std::uint32_t seed) {
  const std::uint32_t bits = lattice_bits(x, y, seed), more = lattice_bits(x, y, seed + 1);
  // The sum of two bytes has a triangular distribution, near enough to a bell; its deviation is
  // 104.5. Part of the noise is common to the channels, as in a demosaiced image.
  const float common = static_cast<float>((more >> 24) + ((more >> 16) & 0xFFu)) - 255;
  Colour noise;
  for (int c = 0; c < 3; ++c) {
    const std::uint32_t own = ((bits >> (8 * c)) & 0xFFu) + ((more >> (5 * c)) & 0xFFu);
    noise[c] = (0.6f * common + 0.8f * (static_cast<float>(own) - 255)) / 104.5f;
  }
  return noise;
}

/// Display value 0 to 255 of linear light, with a shoulder above 0.7 in place of clipping.
float grey_level(float light) {
  const float value = std::max(0.0f, light);
  return 255 * std::sqrt(value < 0.7f ? value : 0.7f + 0.3f * (value - 0.7f) / (value - 0.4f));
}

/// Linear light to 8 bits: a slight lens blur, the lamp, the display curve, sensor noise.
void develop(const SceneOptions& options, const Style& style, const cv::Mat& light,
             const cv::Rect& band, cv::Mat& image) {
  const auto seed =
      static_cast<std::uint32_t>(Random(options.seed, Purpose::sensor, 0).bits() >> 32);
  const int width = light.cols, height = light.rows;
  for (int y = band.y; y < band.y + band.height; ++y) {
    const auto* above = light.ptr<Colour>(std::max(y - 1, 0));
    const auto* here = light.ptr<Colour>(y);
    const auto* below = light.ptr<Colour>(std::min(y + 1, height - 1));
    auto* out = image.ptr<cv::Vec3b>(y);
    for (int x = 0; x < width; ++x) {
      const int left = std::max(x - 1, 0), right = std::min(x + 1, width - 1);
      const Colour blurred =
          here[x] * 0.6f + (here[left] + here[right] + above[x] + below[x]) * 0.1f;
      const float lamp = lamp_at(style, static_cast<float>(x) / static_cast<float>(width),
                                 static_cast<float>(y) / static_cast<float>(height));
      const Colour noise = sensor_noise(x, y, seed) * options.noise;
      for (int c = 0; c < 3; ++c) {
        const float grey = grey_level(blurred[c] * lamp) + noise[c] + 0.5f;
        out[x][c] = static_cast<std::uint8_t>(std::clamp(grey, 0.0f, 255.0f));
      }
    }
  }
}

}  // namespace

cv::Mat paint(const SceneOptions& options, const Style& style,
              const std::vector<Item>& front_to_back, float diameter) {
  const std::vector<Item> crumbs = draw_crumbs(options, style, diameter);
  cv::Mat light(options.height, options.width, CV_32FC3),
      image(options.height, options.width, CV_8UC3);
  // Bands of rows are independent of each other, so they are painted in parallel. They are tall
  // enough that few objects straddle two, and many enough to share out.
  const int band_height = std::clamp(static_cast<int>(4 * diameter), 64, 512);
  const int bands = (options.height + band_height - 1) / band_height;
  const auto each_band = [&](auto&& work) {
    cv::parallel_for_(cv::Range(0, bands), [&](const cv::Range& range) {
      Patch patch;
      for (int i = range.start; i < range.end; ++i) {
        const int top = i * band_height;
        work(cv::Rect(0, top, options.width, std::min(band_height, options.height - top)), patch);
      }
    });
  };
  each_band([&](const cv::Rect& band, Patch& patch) {
    paint_background(options, style, diameter, band, light);
    for (const Item& item : crumbs) paint_item(style, item, band, patch, light);
    for (auto item = front_to_back.rbegin(); item != front_to_back.rend(); ++item) {
      paint_item(style, *item, band, patch, light);
    }
  });
  each_band([&](const cv::Rect& band, Patch&) { develop(options, style, light, band, image); });
  return image;
}

}  // namespace persense::scenes::detail
