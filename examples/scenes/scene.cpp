// examples/scenes/scene.cpp: places objects front to back, so that what is visible of each is known
// when it is placed, then paints them back to front.
#include "scene.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <opencv2/core/utility.hpp>
#include <optional>
#include <stdexcept>
#include <string>

#include "looks.hpp"

namespace persense::scenes {
namespace {

using namespace detail;

constexpr std::array kinds{Kind::beans,   Kind::berries, Kind::cells,   Kind::coffee,
                           Kind::coins,   Kind::grains,  Kind::hexnuts, Kind::leaves,
                           Kind::pebbles, Kind::pills,   Kind::stained};
constexpr std::array<std::string_view, 11> kind_names{"beans",   "berries", "cells",   "coffee",
                                                      "coins",   "grains",  "hexnuts", "leaves",
                                                      "pebbles", "pills",   "stained"};
static_assert(kinds.size() == kind_names.size());

/// Purposes of random streams; each draws its own numbers from one seed.
enum Purpose : std::uint64_t {
  look = 1,
  size,
  place,
  depth_order,
  distractor,
  crumb,
  ground,
  sensor,
  support,
  query
};

constexpr float pi = 3.14159265f;
constexpr float smallest_diameter = 4.0f;  // pixels; below this an outline is no longer a shape

// ---- Options --------------------------------------------------------------------------------

template <class T>
void require_range(const char* field, T value, T low, T high) {
  // Written so that NaN fails.
  if (!(value >= low && value <= high)) {
    throw std::invalid_argument(
        fmt::format("{}: got {}, expected {} to {}", field, value, low, high));
  }
}

void validate(const SceneOptions& options) {
  name_of(options.kind);
  require_range("width", options.width, 16, 16384);
  require_range("height", options.height, 16, 16384);
  require_range("count", options.count, 1, 65535);
  require_range("size_spread", options.size_spread, 0.0f, 0.5f);
  require_range("overlap", options.overlap, 0.0f, 1.0f);
  require_range("distractors", options.distractors, 0, 65535);
  require_range("noise", options.noise, 0.0f, 64.0f);
  require_range("clutter", options.clutter, 0.0f, 1.0f);
  require_range("density_sigma", options.density_sigma, 0.0f, 256.0f);
  if (options.object_diameter != 0) {
    const auto shorter = static_cast<float>(std::min(options.width, options.height));
    require_range("object_diameter", options.object_diameter, smallest_diameter, shorter);
  }
}

// ---- Geometry -------------------------------------------------------------------------------

/// A body at a size, an angle and a place.
struct Item {
  Body body;
  float unit = 1.0f;    ///< pixels per unit of the body
  float cosine = 1.0f;  ///< of the angle from x to u
  float sine = 0.0f;
  float middle_u = 0.0f;  ///< the body's centroid, in its own units
  float middle_v = 0.0f;
  float reach_x = 0.0f;  ///< half size of the upright box round the centroid, pixels
  float reach_y = 0.0f;
  float x = 0.0f;  ///< of the centroid, pixels
  float y = 0.0f;
  int label = 0;  ///< i: target i; -i: distractor i; 0: debris

  float u_at(float px, float py) const {
    return middle_u + ((px - x) * cosine + (py - y) * sine) / unit;
  }
  float v_at(float px, float py) const {
    return middle_v + ((py - y) * cosine - (px - x) * sine) / unit;
  }
  float outline_at(float px, float py) const {
    return outline_value(body, u_at(px, py), v_at(px, py));
  }
  float radius() const { return unit * std::min(body.half_length, 1.0f); }
  cv::Rect box() const {
    const int left = static_cast<int>(std::floor(x - reach_x)),
              top = static_cast<int>(std::floor(y - reach_y));
    const int right = static_cast<int>(std::ceil(x + reach_x)),
              bottom = static_cast<int>(std::ceil(y + reach_y));
    return {left, top, right - left + 1, bottom - top + 1};
  }
};

/// Scales and turns `body` so that its area is that of a disc of `diameter` pixels.
Item make_item(const Body& body, float diameter, float turns) {
  constexpr int grid = 64;
  constexpr float half = 1.6f, step = 2 * half / grid;
  float sum_u = 0, sum_v = 0, low_u = half, high_u = -half, low_v = half, high_v = -half;
  int inside = 0;
  for (int i = 0; i < grid; ++i) {
    for (int j = 0; j < grid; ++j) {
      const float u = (static_cast<float>(j) + 0.5f) * step - half,
                  v = (static_cast<float>(i) + 0.5f) * step - half;
      if (outline_value(body, u, v) > 0) continue;
      ++inside;
      sum_u += u;
      sum_v += v;
      low_u = std::min(low_u, u);
      high_u = std::max(high_u, u);
      low_v = std::min(low_v, v);
      high_v = std::max(high_v, v);
    }
  }
  Item item;
  item.body = body;
  const auto cells = static_cast<float>(std::max(inside, 1));
  item.unit = diameter * std::sqrt(pi / 4 / (cells * step * step));
  item.middle_u = sum_u / cells;
  item.middle_v = sum_v / cells;
  item.cosine = cosine_of_turns(turns);
  item.sine = sine_of_turns(turns);
  // Thin parts can end up to a cell beyond the outermost cell centre inside.
  const float reach_u =
      (std::max(high_u - item.middle_u, item.middle_u - low_u) + 1.5f * step) * item.unit;
  const float reach_v =
      (std::max(high_v - item.middle_v, item.middle_v - low_v) + 1.5f * step) * item.unit;
  item.reach_x = std::abs(item.cosine) * reach_u + std::abs(item.sine) * reach_v + 1;
  item.reach_y = std::abs(item.sine) * reach_u + std::abs(item.cosine) * reach_v + 1;
  return item;
}

/// A run of pixels of a silhouette, relative to its item's whole-pixel place.
struct Run {
  int y, begin, end;
};

/// The pixels whose centres an item covers, wherever it is moved by whole pixels.
struct Silhouette {
  std::vector<Run> runs;
  int area = 0;
  double sum_x = 0.0, sum_y = 0.0;  ///< of the pixels' coordinates, relative

  double centre_x() const { return sum_x / area; }
  double centre_y() const { return sum_y / area; }
};

Silhouette silhouette_of(const Item& item) {
  Silhouette result;
  const cv::Rect box = item.box();
  for (int y = box.y; y < box.y + box.height; ++y) {
    bool open = false;
    for (int x = box.x; x < box.x + box.width; ++x) {
      const bool inside = item.outline_at(static_cast<float>(x), static_cast<float>(y)) <= 0;
      if (inside && !open) result.runs.push_back({y, x, x});
      if (inside) {
        result.runs.back().end = x + 1;
        ++result.area;
        result.sum_x += x;
        result.sum_y += y;
      }
      open = inside;
    }
  }
  return result;
}

// ---- Placing --------------------------------------------------------------------------------

/// Calls `visit(row, begin, end)` for the parts of the silhouette inside `map` when moved by (dx,
/// dy).
template <class Visit>
void each_run_inside(const Silhouette& silhouette, cv::Mat& map, int dx, int dy, Visit visit) {
  for (const Run& run : silhouette.runs) {
    const int y = run.y + dy;
    if (y < 0 || y >= map.rows) continue;
    const int begin = std::max(run.begin + dx, 0), end = std::min(run.end + dx, map.cols);
    if (begin < end) visit(map.ptr<int>(y), begin, end);
  }
}

struct Placement {
  cv::Mat owner;            ///< CV_32SC1: label of the front-most item, 0 where there is none
  std::vector<Item> items;  ///< front to back
  std::vector<ObjectTruth> objects;
};

/// How the items are laid out; the same for every attempt at a diameter.
struct Plan {
  const SceneOptions& options;
  const Style& style;
  float diameter;
  bool first_in_middle;  ///< the front-most target is put near the middle, so that it is whole
};

/// Target `label` (1..) or distractor `-label`, not yet placed but for a fraction of a pixel.
Item draw_item(const Plan& plan, int label) {
  const std::uint64_t seed = plan.options.seed;
  const bool target = label > 0;
  const auto index = static_cast<std::uint64_t>(std::abs(label));
  Random random(seed, target ? Purpose::size : Purpose::distractor, index);
  const bool made = target && is_manufactured(plan.options.kind);
  const float relative = plan.options.size_spread * (made ? 0.2f : 1.0f);
  const float spread = 1 + relative * std::clamp(random.normal(), -2.0f, 2.0f);
  const float diameter =
      plan.diameter * std::max(spread, 0.3f) * (target ? 1.0f : random.uniform(0.8f, 1.15f));
  const Body body = target ? draw_body(plan.style, Random(seed, Purpose::look, index))
                           : draw_distractor(plan.style, Random(random.bits()));
  Item item = make_item(body, diameter, random.uniform());
  item.x = random.uniform();
  item.y = random.uniform();
  item.label = label;
  return item;
}

/// A stream for each label, negative ones too: targets keep theirs whatever the distractors'
/// number.
std::uint64_t stream_index(int label) { return static_cast<std::uint64_t>(label + (1 << 20)); }

/// Labels of targets and distractors, front to back, in random order.
std::vector<int> draw_depth_order(const SceneOptions& options) {
  std::vector<std::pair<std::uint64_t, int>> keyed;
  for (int label = -options.distractors; label <= options.count; ++label) {
    if (label == 0) continue;
    keyed.emplace_back(Random(options.seed, Purpose::depth_order, stream_index(label)).bits(),
                       label);
  }
  std::sort(keyed.begin(), keyed.end());
  std::vector<int> order;
  for (const auto& [key, label] : keyed) order.push_back(label);
  return order;
}

/// How much of a silhouette moved by (dx, dy) is seen behind what is already placed.
struct View {
  int visible = 0;  ///< pixels inside the frame and free
  int covered = 0;  ///< pixels inside the frame and taken; not counted on once above `limit`
};

View view_of(const Silhouette& silhouette, cv::Mat& owner, int dx, int dy, int limit) {
  View view;
  each_run_inside(silhouette, owner, dx, dy, [&](const int* row, int begin, int end) {
    if (view.covered > limit) return;
    for (int i = begin; i < end; ++i) ++(row[i] == 0 ? view.visible : view.covered);
  });
  return view;
}

/// Takes the free pixels for `item`, moved by (dx, dy), and notes the truth about it.
void take(const Silhouette& silhouette, Item item, int dx, int dy, int visible,
          Placement& placement) {
  each_run_inside(silhouette, placement.owner, dx, dy, [&](int* row, int begin, int end) {
    std::replace(row + begin, row + end, 0, item.label);
  });
  item.x += static_cast<float>(dx);
  item.y += static_cast<float>(dy);
  if (item.label > 0) {
    ObjectTruth& truth = placement.objects[static_cast<std::size_t>(item.label - 1)];
    truth.centre = {static_cast<float>(silhouette.centre_x() + dx),
                    static_cast<float>(silhouette.centre_y() + dy)};
    truth.equivalent_diameter = std::sqrt(static_cast<float>(silhouette.area) * 4 / pi);
    truth.visible_area = visible;
    truth.full_area = silhouette.area;
  }
  placement.items.push_back(std::move(item));
}

/// Finds a place at which enough of the item is visible, and takes it. False when there is none.
bool settle(const Plan& plan, const Item& item, bool in_middle, Placement& placement) {
  constexpr int attempts = 400;
  cv::Mat& owner = placement.owner;
  const Silhouette silhouette = silhouette_of(item);
  if (silhouette.area == 0) return false;
  const auto area = static_cast<float>(silhouette.area);
  const auto least_visible = static_cast<int>(std::ceil(area * (minimum_visible_fraction + 0.01f)));
  const auto most_covered = static_cast<int>(area * 0.6f * plan.options.overlap);
  Random random(plan.options.seed, Purpose::place, stream_index(item.label));
  const float margin = in_middle ? 0.35f : 0.0f;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    const double aim_x = static_cast<double>(random.uniform(margin, 1 - margin)) * (owner.cols - 1);
    const double aim_y = static_cast<double>(random.uniform(margin, 1 - margin)) * (owner.rows - 1);
    const int dx = static_cast<int>(std::floor(aim_x - silhouette.centre_x() + 0.5));
    const int dy = static_cast<int>(std::floor(aim_y - silhouette.centre_y() + 0.5));
    const double x = silhouette.centre_x() + dx, y = silhouette.centre_y() + dy;
    if (x < 0 || y < 0 || x > owner.cols - 1 || y > owner.rows - 1) continue;
    const View view = view_of(silhouette, owner, dx, dy, most_covered);
    if (view.covered > most_covered || view.visible < least_visible) continue;
    take(silhouette, item, dx, dy, view.visible, placement);
    return true;
  }
  return false;
}

/// All items in place, or nothing when one found no place.
std::optional<Placement> try_placing(const Plan& plan) {
  Placement placement;
  placement.owner = cv::Mat::zeros(plan.options.height, plan.options.width, CV_32SC1);
  placement.objects.resize(static_cast<std::size_t>(plan.options.count));
  bool in_middle = plan.first_in_middle;
  std::vector<int> order = draw_depth_order(plan.options);
  if (in_middle) {  // nothing lies over the object to point at
    std::stable_partition(order.begin(), order.end(), [&](int label) { return label == 1; });
  }
  for (const int label : order) {
    if (!settle(plan, draw_item(plan, label), in_middle, placement)) return std::nullopt;
    in_middle = false;
  }
  return placement;
}

/// Part of a frame that random placing fills without trouble, for a kind's shape.
float comfortable_cover(const SceneOptions& options) {
  float cover = 0.36f + 0.34f * options.overlap;
  const bool slender =
      options.kind == Kind::grains || options.kind == Kind::leaves || options.kind == Kind::pills;
  if (slender) cover *= 0.75f;
  if (options.kind == Kind::hexnuts)
    cover *= 0.72f;  // the hole counts as free, but little fits in it
  return cover;
}

Placement place_all(const SceneOptions& options, const Style& style, bool first_in_middle,
                    float& diameter) {
  const auto frame = static_cast<float>(options.width) * static_cast<float>(options.height);
  const auto shorter = static_cast<float>(std::min(options.width, options.height));
  const auto total = static_cast<float>(options.count + options.distractors);
  const bool automatic = options.object_diameter == 0;
  diameter = options.object_diameter;
  if (automatic) {
    diameter = std::sqrt(comfortable_cover(options) * frame / total * 4 / pi);
    diameter = std::min(diameter, 0.3f * shorter);
  }
  for (; diameter >= smallest_diameter; diameter *= 0.95f) {
    if (auto placement = try_placing({options, style, diameter, first_in_middle}))
      return *std::move(placement);
    if (!automatic) break;
  }
  throw std::invalid_argument(
      fmt::format("count: {} objects and {} distractors of {:.1f} pixels across do not fit into {} "
                  "x {} with overlap {}; "
                  "expected fewer or smaller ones, a larger frame or more overlap",
                  options.count, options.distractors, diameter, options.width, options.height,
                  options.overlap));
}

// ---- Painting -------------------------------------------------------------------------------

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

/// Debris on the ground: small, anywhere, under everything.
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
  const float slope = style.ground == Ground::tissue ? 0.06f : 0.30f;
  return 1.04f + slope * towards - 0.30f * (dx * dx + dy * dy);
}

void paint_ground(const SceneOptions& options, const Style& style, float diameter,
                  const cv::Rect& band, cv::Mat& image) {
  const auto seed =
      static_cast<std::uint32_t>(Random(options.seed, Purpose::ground, 0).bits() >> 32);
  // Grounds keep their scale to the objects, within what can be drawn without beating against the
  // pixels.
  const float scale = 1 / std::max(diameter, 24.0f);
  for (int y = band.y; y < band.y + band.height; ++y) {
    auto* row = image.ptr<Colour>(y);
    for (int x = 0; x < options.width; ++x) {
      row[x] = ground_at(style, static_cast<float>(x) * scale, static_cast<float>(y) * scale,
                         options.clutter, seed);
    }
  }
}

/// Sensor noise of one pixel for a standard deviation of 1, in three channels.
Colour sensor_noise(int x, int y, std::uint32_t seed) {
  const std::uint32_t bits = lattice_bits(x, y, seed), more = lattice_bits(x, y, seed + 1);
  // The sum of two bytes has a triangular distribution, near enough to a bell; its deviation is
  // 104.5. Part of the noise is common to the channels, as in a demosaiced picture.
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

/// The picture. Bands of rows are independent of each other, so they are painted in parallel.
cv::Mat paint(const SceneOptions& options, const Style& style,
              const std::vector<Item>& front_to_back, float diameter) {
  const std::vector<Item> crumbs = draw_crumbs(options, style, diameter);
  cv::Mat light(options.height, options.width, CV_32FC3),
      image(options.height, options.width, CV_8UC3);
  // Tall enough that few objects straddle two bands, and many enough to share out.
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
    paint_ground(options, style, diameter, band, light);
    for (const Item& item : crumbs) paint_item(style, item, band, patch, light);
    for (auto item = front_to_back.rbegin(); item != front_to_back.rend(); ++item) {
      paint_item(style, *item, band, patch, light);
    }
  });
  each_band([&](const cv::Rect& band, Patch&) { develop(options, style, light, band, image); });
  return image;
}

// ---- Truth ----------------------------------------------------------------------------------

/// Weights of a Gaussian at the whole pixels in 0 .. size - 1 near `centre`, which sum to 1.
std::vector<double> bell(float centre, float sigma, int size, int& begin) {
  begin = std::clamp(static_cast<int>(std::floor(centre - 4 * sigma)), 0, size - 1);
  const int end = std::clamp(static_cast<int>(std::ceil(centre + 4 * sigma)), begin, size - 1);
  std::vector<double> weights;
  for (int i = begin; i <= end; ++i) {
    const float z = (static_cast<float>(i) - centre) / sigma;
    weights.push_back(exp_of_minus(std::min(20.0f, 0.5f * z * z)));
  }
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (double& weight : weights) weight /= sum;
  return weights;
}

cv::Mat density_of(const SceneOptions& options, const std::vector<ObjectTruth>& objects) {
  cv::Mat density = cv::Mat::zeros(options.height, options.width, CV_32FC1);
  for (const ObjectTruth& object : objects) {
    const float asked =
        options.density_sigma > 0 ? options.density_sigma : object.equivalent_diameter / 4;
    const float sigma = std::max(asked, 0.5f);
    int left = 0, top = 0;
    // Both directions are normalised inside the frame, so their product is too.
    const std::vector<double> across = bell(object.centre.x, sigma, options.width, left);
    const std::vector<double> down = bell(object.centre.y, sigma, options.height, top);
    for (std::size_t i = 0; i < down.size(); ++i) {
      auto* row = density.ptr<float>(top + static_cast<int>(i)) + left;
      for (std::size_t j = 0; j < across.size(); ++j)
        row[j] += static_cast<float>(down[i] * across[j]);
    }
  }
  return density;
}

void split_labels(const cv::Mat& owner, Scene& scene) {
  scene.labels = cv::max(owner, 0);
  scene.distractor_labels = cv::max(-owner, 0);
}

/// The class's own seed: that of the options, or else of their placement; never 0.
std::uint64_t class_seed(const SceneOptions& options) {
  if (options.style_seed != 0) return options.style_seed;
  return options.seed != 0 ? options.seed : mixed(0);
}

Scene render(const SceneOptions& options, bool first_in_middle) {
  validate(options);
  const Style style = draw_style(options.kind, class_seed(options));
  Scene scene;
  Placement placement = place_all(options, style, first_in_middle, scene.object_diameter);
  split_labels(placement.owner, scene);
  placement.owner.release();
  scene.objects = std::move(placement.objects);
  scene.image = paint(options, style, placement.items, scene.object_diameter);
  scene.density = density_of(options, scene.objects);
  return scene;
}

}  // namespace

std::span<const Kind> all_kinds() { return kinds; }

std::string_view name_of(Kind kind) {
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i] == kind) return kind_names[i];
  }
  throw std::invalid_argument(
      fmt::format("kind: got {}, expected 0 to {}", static_cast<int>(kind), kinds.size() - 1));
}

Kind kind_named(std::string_view name) {
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (kind_names[i] == name) return kinds[i];
  }
  throw std::invalid_argument(
      fmt::format("kind: got \"{}\", expected one of {}", name, fmt::join(kind_names, ", ")));
}

Scene render_scene(const SceneOptions& options) { return render(options, false); }

SceneOptions query_options(const SceneOptions& options, int index) {
  if (index < 0)
    throw std::invalid_argument(fmt::format("index: got {}, expected 0 or more", index));
  SceneOptions result = options;
  result.style_seed = class_seed(options);
  if (index > 0)
    result.seed = Random(options.seed, Purpose::query, static_cast<std::uint64_t>(index)).bits();
  return result;
}

Episode render_episode(const SceneOptions& options) {
  Episode episode;
  episode.query = render_scene(query_options(options, 0));
  SceneOptions support = query_options(options, 0);
  support.seed = Random(options.seed, Purpose::support, 0).bits();
  support.width = std::max(16, options.width / 2);
  support.height = std::max(16, options.height / 2);
  support.count = std::max(1, options.count / 5);
  support.distractors = options.distractors / 5;
  support.overlap = 0.5f * options.overlap;
  support.object_diameter =
      std::min(episode.query.object_diameter,
               0.6f * static_cast<float>(std::min(support.width, support.height)));
  episode.support = render(support, true);
  episode.support_mask = episode.support.labels == 1;
  return episode;
}

}  // namespace persense::scenes
