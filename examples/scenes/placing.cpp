#include "placing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <stdexcept>
#include <utility>

#include "purpose.hpp"

namespace persense::scenes::detail {
namespace {

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
    truth.equivalent_diameter =
        std::sqrt(static_cast<float>(silhouette.area) * 4 / std::numbers::pi_v<float>);
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

}  // namespace

Placement place_all(const SceneOptions& options, const Style& style, bool first_in_middle,
                    float& diameter) {
  const auto frame = static_cast<float>(options.width) * static_cast<float>(options.height);
  const auto shorter = static_cast<float>(std::min(options.width, options.height));
  const auto total = static_cast<float>(options.count + options.distractors);
  const bool automatic = options.object_diameter == 0;
  diameter = options.object_diameter;
  if (automatic) {
    diameter =
        std::sqrt(comfortable_cover(options) * frame / total * 4 / std::numbers::pi_v<float>);
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

}  // namespace persense::scenes::detail
