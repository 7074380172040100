// tests of the training episodes: what they promise is exact, so most of these compare without a
// tolerance.
#include "catch.hpp"

#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <future>
#include <opencv2/core.hpp>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "training/differences.hpp"
#include "training/episode.hpp"
#include "training/frame.hpp"
#include "training/shapes.hpp"

namespace {

namespace training = persense::scenes::training;
using training::Difference;
using training::Episode;
using training::EpisodeOptions;
using training::Glance;

/// FNV-1a hash of the pixels.
std::uint64_t checksum(const cv::Mat& map, std::uint64_t hash = 14695981039346656037ull) {
  const std::size_t row_bytes = static_cast<std::size_t>(map.cols) * map.elemSize();
  for (int y = 0; y < map.rows; ++y)
    for (std::size_t i = 0; i < row_bytes; ++i) hash = (hash ^ map.ptr(y)[i]) * 1099511628211ull;
  return hash;
}

std::uint64_t checksum(const Episode& episode) {
  return checksum(episode.labels, checksum(episode.images));
}

/// Everything an episode promises, whatever its options.
void check_episode(const Episode& e) {
  REQUIRE(e.images.type() == CV_8UC3);
  REQUIRE(e.labels.type() == CV_16UC1);
  REQUIRE(e.images.size() == cv::Size(e.size, e.size * e.pictures));
  REQUIRE(e.labels.size() == e.images.size());
  REQUIRE(e.instances.size() == static_cast<std::size_t>(e.pictures));
  REQUIRE(e.class_traits.size() == static_cast<std::size_t>(e.classes));
  for (int p = 0; p < e.pictures; ++p) {
    const auto& instances = e.instances[static_cast<std::size_t>(p)];
    const cv::Mat labels = e.labels.rowRange(p * e.size, (p + 1) * e.size);
    std::vector<int> areas(instances.size() + 1, 0);
    std::vector<double> x(areas.size(), 0), y(areas.size(), 0);
    for (int row = 0; row < e.size; ++row) {
      for (int column = 0; column < e.size; ++column) {
        const int label = labels.at<std::uint16_t>(row, column);
        if (label == training::ignored_label || label == training::debris_label) continue;
        const auto i = static_cast<std::size_t>(label);
        ++areas.at(i);  // throws on a label that no object has
        x[i] += column, y[i] += row;
      }
    }
    for (std::size_t i = 1; i < areas.size(); ++i) {
      const auto& instance = instances[i - 1];
      REQUIRE(instance.visible_area == areas[i]);
      REQUIRE(instance.visible_area >= 10);
      REQUIRE(instance.full_area >= instance.visible_area);
      REQUIRE((instance.object_class >= 0 && instance.object_class < e.classes));
      REQUIRE(instance.x == static_cast<float>(x[i] / areas[i]));
      REQUIRE(instance.y == static_cast<float>(y[i] / areas[i]));
    }
  }
  const auto n = static_cast<std::size_t>(e.classes);
  REQUIRE(e.differences.size() == n * n);
  for (std::size_t a = 0; a < n; ++a)
    for (std::size_t b = 0; b < n; ++b) {
      REQUIRE((e.differences[a * n + b] == Difference::same) == (a == b));
      REQUIRE(e.differences[a * n + b] == e.differences[b * n + a]);
    }
}

std::string complaint(const EpisodeOptions& options) {
  try {
    training::render_training_episode(options);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "nothing thrown";
}

/// Objects whose features are about `middle`'s, apart by `spread` grey levels.
std::vector<Glance> objects_like(const Glance& middle, double spread) {
  std::vector<Glance> glances(5, middle);
  for (std::size_t i = 0; i < glances.size(); ++i)
    glances[i].grey += spread * (static_cast<double>(i) - 2);
  return glances;
}

constexpr Glance pebble{120, 10, -20, 12, 30, 0.8, 0.98};

}  // namespace

TEST_CASE("render_training_episode: labels, areas and classes agree", "[training]") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    INFO("seed " << seed);
    const Episode episode = training::render_training_episode({seed, 128, 2, 0});
    check_episode(episode);
  }
}

TEST_CASE("render_training_episode: a seed means the same bits in every thread", "[training]") {
  const EpisodeOptions options{11, 96, 3, 0};
  const std::uint64_t expected = checksum(training::render_training_episode(options));
  std::vector<std::future<std::uint64_t>> others;
  for (int i = 0; i < 4; ++i)
    others.push_back(std::async(
        std::launch::async, [&] { return checksum(training::render_training_episode(options)); }));
  for (auto& other : others) CHECK(other.get() == expected);
}

TEST_CASE("render_training_episode: seeds mean these pictures on every platform", "[training]") {
  const auto of_seed = [](std::uint64_t seed) {
    return checksum(training::render_training_episode({seed, 96, 2, 0}));
  };
  CHECK(of_seed(1) == 0x8bc7ffc1769dea9full);
  CHECK(of_seed(2) == 0x37d0f52ef0ac7967ull);
  CHECK(of_seed(3) == 0x488489f41a9af54aull);
}

TEST_CASE("render_training_episode: a picture does not depend on how many follow it",
          "[training]") {
  const Episode one = training::render_training_episode({5, 96, 1, 2});
  const Episode three = training::render_training_episode({5, 96, 3, 2});
  CHECK(checksum(one.images) == checksum(three.images.rowRange(0, 96)));
  CHECK(checksum(three.images.rowRange(0, 96)) != checksum(three.images.rowRange(96, 192)));
}

TEST_CASE("render_training_episode: a cell open to one side takes no more time than others",
          "[training]") {
  const auto seconds = [](std::uint64_t seed) {
    const auto begin = std::chrono::steady_clock::now();
    training::render_training_episode({seed, 224, 3, 0});
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  double others = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) others += seconds(seed) / 10;
  // its second image has such a cell, which took 500 times as long when it was painted
  CHECK(seconds(12222850170565856747u) < 20 * others);
}

TEST_CASE("render_training_episode: other seeds, other pictures", "[training]") {
  std::set<std::uint64_t> seen;
  for (std::uint64_t seed = 0; seed < 50; ++seed)
    seen.insert(checksum(training::render_training_episode({seed, 64, 1, 0})));
  CHECK(seen.size() == 50);
}

TEST_CASE("render_training_episode: draws everything there is", "[training]") {
  std::set<std::size_t> families, materials, patterns, backgrounds, imagings, layouts, differences;
  int ignored = 0, debris = 0, most = 0;
  for (std::uint64_t seed = 0; seed < 900; ++seed) {
    const Episode e = training::render_training_episode({seed, 64, 1, 0});
    for (const auto& traits : e.class_traits) {
      families.insert(static_cast<std::size_t>(traits.family));
      materials.insert(static_cast<std::size_t>(traits.material));
      patterns.insert(static_cast<std::size_t>(traits.pattern));
    }
    backgrounds.insert(static_cast<std::size_t>(e.world.background));
    imagings.insert(static_cast<std::size_t>(e.world.imaging));
    layouts.insert(static_cast<std::size_t>(e.world.layout));
    for (const Difference difference : e.differences)
      differences.insert(static_cast<std::size_t>(difference));
    ignored += cv::countNonZero(e.labels == training::ignored_label) > 0;
    debris += cv::countNonZero(e.labels == training::debris_label) > 0;
    most = std::max(most, static_cast<int>(e.instances[0].size()));
  }
  CHECK(families.size() == training::names<training::Family>().size());
  CHECK(materials.size() == training::names<training::Material>().size());
  CHECK(patterns.size() == training::names<training::Pattern>().size());
  CHECK(backgrounds.size() == training::names<training::Background>().size());
  CHECK(imagings.size() == training::names<training::Imaging>().size());
  CHECK(layouts.size() == training::names<training::Layout>().size());
  CHECK(differences.size() == 3);
  CHECK(ignored > 100);
  CHECK(debris > 100);
  CHECK(most > 200);
}

TEST_CASE("render_training_episode: as many classes as asked for", "[training]") {
  for (const int classes : {1, 2, 3})
    CHECK(training::render_training_episode({3, 64, 1, classes}).classes == classes);
}

TEST_CASE("render_training_episode: bad options throw naming the field", "[training][errors]") {
  CHECK(complaint({1, 63, 3, 0}) == "size: got 63, expected 64 to 1024");
  CHECK(complaint({1, 1025, 3, 0}) == "size: got 1025, expected 64 to 1024");
  CHECK(complaint({1, 64, 0, 0}) == "pictures: got 0, expected 1 to 64");
  CHECK(complaint({1, 64, 65, 0}) == "pictures: got 65, expected 1 to 64");
  CHECK(complaint({1, 64, 3, -1}) == "classes: got -1, expected 0 to 3");
  CHECK(complaint({1, 64, 3, 4}) == "classes: got 4, expected 0 to 3");
}

TEST_CASE("fill_fields: every family's silhouette has its area and lies in its box", "[training]") {
  for (std::size_t f = 0; f < training::names<training::Family>().size(); ++f) {
    INFO(training::names<training::Family>()[f]);
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
      training::Random random(seed);
      const auto of_class = training::random_class_shape(static_cast<training::Family>(f), random);
      const auto shape = training::make_shape(of_class, random);
      const training::Pose pose{0, 0, 20, 0.6f, 0.8f, seed % 2 == 0, 1};
      const auto box = training::box_of({}, {}, shape, pose);
      training::Fields fields;
      fields.resize(box.width, box.height);
      training::fill_fields(shape, pose, box.left, box.top, box.margin, fields);
      int area = 0, on_edge = 0, out_of_range = 0;
      for (int y = 0; y < box.height; ++y)
        for (int x = 0; x < box.width; ++x) {
          const auto i = static_cast<std::size_t>(y * box.width + x);
          const bool edge = y == 0 || x == 0 || y == box.height - 1 || x == box.width - 1;
          area += fields.inside[i] > 0;
          on_edge += edge && fields.inside[i] > 0;
          out_of_range += !(fields.depth[i] >= 0 && fields.depth[i] <= 1 && fields.inside[i] < 60);
        }
      CHECK(on_edge == 0);
      CHECK(out_of_range == 0);
      // holes, bites and overlapping parts take away up to two thirds; a disc of radius 20 has 1257
      CHECK(area > 400);
      CHECK(area < 1800);
    }
  }
}

TEST_CASE("paint_object: changes the picture where the silhouette is, and nothing around it",
          "[training]") {
  training::World world;
  training::ClassLook look;
  look.value = 0.9f;
  training::Random random(4);
  for (std::size_t f = 0; f < training::names<training::Family>().size(); ++f) {
    INFO(training::names<training::Family>()[f]);
    const auto shape = training::make_shape(
        training::random_class_shape(static_cast<training::Family>(f), random), random);
    const training::Pose pose{70, 50, 14, 1, 0, false, 1};
    const auto box = training::box_of(world, look, shape, pose);
    training::Frame frame(128);
    training::Brush brush;
    brush.fields.resize(box.width, box.height);
    training::fill_fields(shape, pose, box.left, box.top, box.margin, brush.fields);
    const auto contrast = training::paint_object(world, look, shape, pose, box, 1, 1, brush, frame);
    CHECK(contrast.root > 0.05f);
    int wrong = 0;
    for (int y = 0; y < 128; ++y)
      for (int x = 0; x < 128; ++x) {
        const int column = x - box.left, row = y - box.top;
        const bool in_box = column >= 0 && row >= 0 && column < box.width && row < box.height;
        const float inside =
            in_box ? brush.fields.inside[static_cast<std::size_t>(row * box.width + column)] : -9;
        const bool lit = frame.planes[1][static_cast<std::size_t>(y * 128 + x)] > 0;
        wrong += (inside > 1 && !lit) || (inside < -1 && lit);
      }
    CHECK(wrong == 0);
  }
}

TEST_CASE("difference_between: classes of the same looks are never distinct", "[training]") {
  const auto some = objects_like(pebble, 3), others = objects_like(pebble, 6);
  CHECK(training::difference_between(some, others) == Difference::unknown);
  Glance slightly = pebble;
  slightly.grey += 10;
  slightly.roundness -= 0.05;
  CHECK(training::difference_between(some, objects_like(slightly, 3)) == Difference::unknown);
}

TEST_CASE("difference_between: one clear respect is enough", "[training]") {
  const auto some = objects_like(pebble, 3);
  const std::vector<std::function<void(Glance&)>> changes{
      [](Glance& g) { g.grey += 40; },        [](Glance& g) { g.red_green -= 30; },
      [](Glance& g) { g.blue_yellow += 30; }, [](Glance& g) { g.texture += 25; },
      [](Glance& g) { g.diameter *= 1.6; },   [](Glance& g) { g.roundness -= 0.4; },
      [](Glance& g) { g.fullness -= 0.3; }};
  for (const auto& change : changes) {
    Glance other = pebble;
    change(other);
    CHECK(training::difference_between(some, objects_like(other, 3)) == Difference::distinct);
  }
}

TEST_CASE("difference_between: spread within the classes hides a difference, few objects too",
          "[training]") {
  Glance lighter = pebble;
  lighter.grey += 40;
  CHECK(training::difference_between(objects_like(pebble, 30), objects_like(lighter, 30)) ==
        Difference::unknown);
  const auto clear = objects_like(lighter, 3);
  CHECK(training::difference_between(objects_like(pebble, 3), std::span(clear).first(2)) ==
        Difference::unknown);
}
