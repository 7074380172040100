#include "labelled_image.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "placement.hpp"

namespace persense::scenes::training {

using namespace detail;

namespace {

constexpr int most_objects = 400;           ///< an image
constexpr float heap_visible_part = 0.32f;  ///< what objects laid on top leave of one, mostly

/// Paints one object after the other into an image.
class Painter {
 public:
  Painter(const World& world, std::uint64_t seed, LabelledImage& image)
      : world_(world), image_(image), random_(seed, 41, 0) {}

  /// Something that is no object.
  void add_unlabelled(const ObjectClass& of_class) {
    Pose pose = random_pose(of_class);
    const float size = static_cast<float>(image_.frame.size);
    pose.x = random_.uniform(0, size), pose.y = random_.uniform(0, size);
    const Shape shape = make_shape(of_class.shape, random_);
    const Box box = fill(of_class.look, shape, pose);
    paint(of_class.look, shape, pose, box);
    each_covered(box, 0, [&](std::size_t at) { image_.labels[at] = debris_label; });
  }

  /// Tries a few places for one object.
  void add(int object_class, Placement& placement) {
    const ObjectClass& of_class = world_.classes[static_cast<std::size_t>(object_class)];
    Placed object;
    object.object_class = object_class;
    object.pose = random_pose(of_class);
    const Shape shape = make_shape(of_class.shape, random_);
    for (int attempt = 0; attempt < 4; ++attempt) {
      const auto centre = placement.next(object.pose.radius, image_.placed);
      object.pose.x = centre[0], object.pose.y = centre[1];
      if (far_outside(object.pose) || surely_too_close(object.pose) ||
          surely_taken(shape, object.pose))
        continue;
      const Box box = fill(of_class.look, shape, object.pose);
      if (!has_room(box, object)) continue;
      if (!world_.host_classes.empty()) {
        add_host(object.pose);
        fill(of_class.look, shape, object.pose);
      }
      object.contrast = paint(of_class.look, shape, object.pose, box);
      return put_label(box, object);
    }
  }

  /// One of the cells that fill a frame.
  void add_tile(int object_class, const std::array<float, 2>& centre, const Tile& tile) {
    const ClassLook& look = world_.classes[static_cast<std::size_t>(object_class)].look;
    Placed object;
    object.object_class = object_class;
    object.pose.x = centre[0], object.pose.y = centre[1], object.pose.radius = tile.radius;
    const Box box = fill(look, tile.shape, object.pose);
    if (!has_room(box, object)) return;
    object.contrast = paint(look, tile.shape, object.pose, box);
    put_label(box, object);
  }

 private:
  void add_host(const Pose& of_object) {
    ObjectClass host = world_.host_classes[0];
    host.diameter *= 2 * of_object.radius;
    Pose pose = random_pose(host);
    pose.x = of_object.x + 0.2f * pose.radius * random_.normal();
    pose.y = of_object.y + 0.2f * pose.radius * random_.normal();
    const Shape shape = make_shape(host.shape, random_);
    const Box box = fill(host.look, shape, pose);
    paint(host.look, shape, pose, box);
  }

  Pose random_pose(const ObjectClass& of_class) {
    Pose pose;
    const float size = static_cast<float>(image_.frame.size);
    const float x = std::clamp(of_class.size_spread * random_.normal(), -1.2f, 1.2f);
    const float growth = x < 0 ? exp_of_minus(-x) : 1 / exp_of_minus(x);
    pose.radius = std::clamp(0.5f * of_class.diameter * growth, 2.0f, 0.4f * size);
    const float turn =
        world_.aligned ? world_.direction + 0.015f * random_.normal() : random_.uniform();
    pose.cosine = cosine_of_turns(turn), pose.sine = sine_of_turns(turn);
    pose.mirrored = random_.uniform() < 0.5f;
    pose.squeeze = world_.squeeze;
    return pose;
  }

  Box fill(const ClassLook& look, const Shape& shape, const Pose& pose) {
    const Box box = box_of(world_, look, shape, pose);
    brush_.fields.resize(box.width, box.height);
    fill_fields(shape, pose, box.left, box.top, box.margin, brush_.fields);
    return box;
  }

  /// Rules most places out before anything is computed: there, even balls would overlap too much.
  bool surely_too_close(const Pose& pose) const {
    const float part = world_.overlap > 0.1f ? 0.25f : 0.55f;
    return std::any_of(image_.placed.begin(), image_.placed.end(), [&](const Placed& other) {
      const float dx = pose.x - other.pose.x, dy = pose.y - other.pose.y;
      const float least = part * std::max(pose.radius, other.pose.radius);
      return dx * dx + dy * dy < least * least;
    });
  }

  bool far_outside(const Pose& pose) const {
    const float size = static_cast<float>(image_.frame.size), out = 0.4f * pose.radius;
    return pose.x < -out || pose.y < -out || pose.x > size + out || pose.y > size + out;
  }

  /// As above: some points that the object would cover for sure.
  bool surely_taken(const Shape& shape, const Pose& pose) const {
    if (world_.layout == Layout::heaped || world_.overlap > 0.1f || shape.hole > 0 ||
        shape.kernel != Kernel::radial)
      return false;
    const float step = 0.45f * shape.inner * pose.radius * pose.squeeze;
    const int size = image_.frame.size;
    int taken = 0;
    for (int i = 0; i < 9; ++i) {
      const int x = static_cast<int>(pose.x + step * static_cast<float>(i % 3 - 1));
      const int y = static_cast<int>(pose.y + step * static_cast<float>(i / 3 - 1));
      if (x < 0 || y < 0 || x >= size || y >= size) continue;
      const std::uint16_t label = image_.labels[static_cast<std::size_t>(y * size + x)];
      taken += label != 0 && label != debris_label;
    }
    return taken > 1;
  }

  /// Calls at(frame index) where the silhouette, grown by `gap` pixels, is in the
  /// frame.
  template <class At>
  void each_covered(const Box& box, float gap, At&& at) const {
    const int size = image_.frame.size;
    const int x0 = std::max(box.left, 0), x1 = std::min(box.left + box.width, size);
    for (int y = std::max(box.top, 0); y < std::min(box.top + box.height, size); ++y) {
      const int own = (y - box.top) * box.width - box.left;
      for (int x = x0; x < x1; ++x)
        if (brush_.fields.inside[static_cast<std::size_t>(own + x)] > -gap)
          at(static_cast<std::size_t>(y * size + x));
    }
  }

  /// Also counts the silhouette's areas.
  bool has_room(const Box& box, Placed& object) {
    hidden_.assign(image_.placed.size(), 0);
    const std::vector<float>& inside = brush_.fields.inside;
    object.full_area = static_cast<int>(
        std::count_if(inside.begin(), inside.end(), [](float d) { return d > 0; }));
    object.frame_area = 0;
    int covered = 0;
    each_covered(box, 0, [&](std::size_t at) {
      ++object.frame_area;
      const std::uint16_t label = image_.labels[at];
      if (label == 0 || label == debris_label) return;
      ++covered;
      ++hidden_[label - 1u];
    });
    if (object.frame_area < least_visible_area) return false;
    if ((world_.layout != Layout::heaped || world_.mixing != Mixing::cover) &&
        static_cast<float>(covered) > world_.overlap * static_cast<float>(object.frame_area))
      return false;
    if (random_.uniform() < 0.08f) return true;  // now and then one is buried
    for (std::size_t i = 0; i < hidden_.size(); ++i) {
      const Placed& other = image_.placed[i];
      const float left = static_cast<float>(other.visible_area - hidden_[i]);
      if (hidden_[i] > 0 && left < heap_visible_part * static_cast<float>(other.frame_area))
        return false;
    }
    return true;
  }

  Contrast paint(const ClassLook& look, const Shape& shape, const Pose& pose, const Box& box) {
    float brightness = 1;
    if (random_.uniform() < world_.dim_share)
      brightness = world_.mixing == Mixing::emit ? random_.uniform(0.04f, 0.4f)
                                                 : random_.uniform(0.35f, 0.8f);
    return paint_object(world_, look, shape, pose, box, random_.bits(), brightness, brush_,
                        image_.frame);
  }

  void put_label(const Box& box, Placed object) {
    object.visible_area = object.frame_area;
    for (std::size_t i = 0; i < hidden_.size(); ++i) image_.placed[i].visible_area -= hidden_[i];
    image_.placed.push_back(object);
    const auto label = static_cast<std::uint16_t>(image_.placed.size());
    each_covered(box, 0, [&](std::size_t at) { image_.labels[at] = label; });
  }

  const World& world_;
  LabelledImage& image_;
  Random random_;
  Brush brush_;
  std::vector<int> hidden_;  ///< pixels of each object that the next one covers
};

/// Objects of each class over all objects; differs from image to image.
std::vector<float> class_shares(std::size_t classes, Random& random) {
  std::vector<float> shares(classes);
  float sum = 0;
  for (float& share : shares) {
    const float own = random.uniform();
    share = random.uniform(0.08f, 1.0f) * (0.2f + 0.8f * own);
    sum += share;
  }
  for (float& share : shares) share /= sum;
  return shares;
}

int drawn_class(const std::vector<float>& shares, Random& random) {
  float t = random.uniform();
  for (std::size_t i = 0; i + 1 < shares.size(); ++i) {
    t -= shares[i];
    if (t < 0) return static_cast<int>(i);
  }
  return static_cast<int>(shares.size()) - 1;
}

/// Fills the frame with cells around the points of a shaken triangular grid.
void pack(const World& world, float step, const std::vector<float>& shares, Random random,
          Painter& painter, int size) {
  const float distance = std::max(step, static_cast<float>(size) / 16), height = 0.866f * distance;
  const int columns = static_cast<int>(static_cast<float>(size) / distance) + 4;
  const int rows = static_cast<int>(static_cast<float>(size) / height) + 4;
  std::vector<std::array<float, 2>> points;
  for (int row = 0; row < rows; ++row)
    for (int column = 0; column < columns; ++column) {
      const float shift = (row & 1) != 0 ? -0.5f : -1.0f;
      const float reach = world.jitter * distance;
      points.push_back(
          {(static_cast<float>(column) + shift) * distance + reach * random.uniform(-1, 1),
           (static_cast<float>(row) - 1) * height + reach * random.uniform(-1, 1)});
    }
  const float sharpness = random.uniform();
  for (const auto& point : points) {
    std::vector<std::array<float, 2>> neighbours;
    for (const auto& other : points) {
      const float dx = other[0] - point[0], dy = other[1] - point[1], square = dx * dx + dy * dy;
      if (square > 0 && square < 5.3f * distance * distance) neighbours.push_back({dx, dy});
    }
    // the nearest decide; those on the grid's border have too few, and lie outside of the frame
    std::sort(neighbours.begin(), neighbours.end(), [](const auto& a, const auto& b) {
      return a[0] * a[0] + a[1] * a[1] < b[0] * b[0] + b[1] * b[1];
    });
    if (neighbours.size() < 8 || random.uniform() < world.holes) continue;
    const int object_class = drawn_class(shares, random);
    const Tile tile = make_tile(neighbours, world.gap, sharpness);
    // one whose neighbours all lie to one side is open, and would reach far beyond the frame
    const float reach = tile.radius * std::max(tile.shape.extent_u, tile.shape.extent_v);
    if (reach < 2 * distance) painter.add_tile(object_class, point, tile);
  }
}

}  // namespace

void paint_image(const World& world, std::uint64_t seed, LabelledImage& image) {
  Random random(seed, 42, 0);
  paint_background(world, seed, image.frame);
  Painter painter(world, seed, image);
  for (int i = 0; i < world.strangers; ++i) painter.add_unlabelled(world.stranger_classes[0]);
  for (int i = 0; i < world.debris; ++i)
    painter.add_unlabelled(world.debris_classes[static_cast<std::size_t>(i & 1)]);
  const std::vector<float> shares = class_shares(world.classes.size(), random);
  float area = 0, radius = 0;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const float own = 0.5f * world.classes[i].diameter;
    area += shares[i] * 3.14f * own * own *
            (1 + 2 * world.classes[i].size_spread * world.classes[i].size_spread);
    radius = std::max(radius, own);
  }
  if (world.layout == Layout::packed)
    return pack(world, std::sqrt(area), shares, Random(seed, 44, 0), painter, image.frame.size);
  const float crowd = world.crowding * random.uniform(0.6f, 1.1f);
  const int wanted = std::clamp(
      static_cast<int>(crowd * static_cast<float>(image.frame.count()) / area), 3, most_objects);
  Placement placement(world, image.frame.size, radius, Random(seed, 43, 0));
  int tries = 2 * wanted + 10;
  while (static_cast<int>(image.placed.size()) < wanted && tries-- > 0)
    painter.add(drawn_class(shares, random), placement);
}

}  // namespace persense::scenes::training
