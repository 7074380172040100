#include "persense/ppsm.hpp"

#include <numeric>

#include "catch.hpp"
#include "inputs.hpp"

using namespace persense;
using Catch::Matchers::ContainsSubstring;
using persense::testing::message_of;
using persense::testing::Random;

namespace {

const PpsmOptions paper_rules = Options::paper().ppsm;
const PpsmOptions reference_rules = Options::reference().ppsm;
constexpr float nan_value = std::numeric_limits<float>::quiet_NaN();
using Indices = std::vector<std::size_t>;

/// A row of similarities 0, 1, ..., 9 and a candidate on each.
struct Row {
  FloatMap similarity = FloatMap::Zero(1, 10);
  std::vector<Point> candidates;
  std::vector<Box> everywhere{{-1, -1, 100, 100}};
  Row() {
    for (int x = 0; x < 10; ++x) {
      similarity(0, x) = static_cast<float>(x);
      candidates.push_back({x, 0});
    }
  }
  Indices selected(double count, const PpsmOptions& options) const {
    return ppsm(candidates, similarity, count, everywhere, options).selected;
  }
};

Indices from_to(std::size_t first, std::size_t last) {
  Indices all(last - first + 1);
  std::iota(all.begin(), all.end(), first);
  return all;
}

}  // namespace

TEST_CASE("ppsm: the threshold is the highest similarity over count / norm_const", "[ppsm]") {
  const Row row;
  PpsmOptions options;
  options.norm_const = 2;
  for (const double count : {4.0, 6.0, 36.0})
    CHECK(ppsm(row.candidates, row.similarity, count, row.everywhere, options).threshold ==
          9 / (static_cast<float>(count) / 2));
  CHECK(row.selected(6, options) == from_to(4, 9));  // above 3
}

TEST_CASE("ppsm: a candidate at the threshold is kept by the reference alone", "[ppsm]") {
  const Row row;
  PpsmOptions options = paper_rules;
  options.norm_const = 2;
  CHECK(row.selected(6, options) == from_to(4, 9));  // threshold 3, exactly
  options.rules = Rules::reference;
  CHECK(row.selected(6, options) == from_to(3, 9));
}

TEST_CASE("ppsm: a count of 1 asks for half the highest similarity", "[ppsm]") {
  const Row row;
  CHECK(row.selected(1, paper_rules) == from_to(5, 9));
  CHECK(row.selected(1, reference_rules) == from_to(5, 9));
}

TEST_CASE("ppsm: under paper rules counts below norm_const ask for half the highest similarity",
          "[ppsm]") {
  const Row row;
  for (const double count : {1.4, 0.5, 0.0, -3.0}) {
    INFO("count " << count);
    CHECK(row.selected(count, paper_rules) == from_to(5, 9));
  }
}

TEST_CASE("ppsm: under reference rules counts of 0, below 0 and NaN do what float32 makes of them",
          "[ppsm]") {
  const Row row;
  CHECK(row.selected(0, reference_rules).empty());            // threshold +infinity
  CHECK(row.selected(-3, reference_rules) == from_to(0, 9));  // negative threshold
  CHECK(row.selected(1.2, reference_rules).empty());          // more than the maximum
  CHECK(row.selected(std::nan(""), reference_rules).empty());
}

TEST_CASE("ppsm: under paper rules a count that is not finite throws InvalidArgument",
          "[ppsm][errors]") {
  const Row row;
  CHECK_THAT(message_of<InvalidArgument>([&] { row.selected(std::nan(""), paper_rules); }),
             ContainsSubstring("count is nan"));
  CHECK_THAT(message_of<InvalidArgument>([&] { row.selected(INFINITY, paper_rules); }),
             ContainsSubstring("count is inf"));
}

TEST_CASE("ppsm: a point on any of a box's four borders is inside", "[ppsm]") {
  const FloatMap similarity = FloatMap::Ones(20, 20);
  const std::vector<Box> boxes{{5, 6, 10, 12}};
  const std::vector<Point> inside{{5, 6}, {10, 12}, {5, 12}, {10, 6}, {7, 6}, {5, 9}};
  const std::vector<Point> outside{{4, 9}, {11, 9}, {7, 5}, {7, 13}};
  for (const PpsmOptions& options : {paper_rules, reference_rules}) {
    CHECK(ppsm(inside, similarity, 50, boxes, options).selected == from_to(0, 5));
    CHECK(ppsm(outside, similarity, 50, boxes, options).selected.empty());
  }
}

TEST_CASE("ppsm: a point in several boxes is selected once", "[ppsm]") {
  const FloatMap similarity = FloatMap::Ones(20, 20);
  const std::vector<Box> boxes{{0, 0, 10, 10}, {2, 2, 12, 12}, {0, 0, 20, 20}};
  CHECK(ppsm(std::vector<Point>{{5, 5}}, similarity, 50, boxes).selected == Indices{0});
}

TEST_CASE("ppsm: without boxes or without candidates nothing is selected", "[ppsm]") {
  const Row row;
  CHECK(ppsm(row.candidates, row.similarity, 50, {}).selected.empty());
  CHECK(ppsm({}, row.similarity, 50, row.everywhere).selected.empty());
}

TEST_CASE("ppsm: without its selection every candidate stays, whatever its similarity", "[ppsm]") {
  const Row row;
  PpsmOptions options;
  options.selection = PromptSelection::off;
  CHECK(row.selected(36, options) == from_to(0, 9));
  const auto nowhere = ppsm(row.candidates, row.similarity, 36, {}, options);
  CHECK(nowhere.selected == from_to(0, 9));
  CHECK(nowhere.threshold < row.similarity.minCoeff());
}

TEST_CASE("ppsm: with boxes alone candidates in a box stay, whatever their similarity", "[ppsm]") {
  const Row row;
  PpsmOptions options;
  options.selection = PromptSelection::boxes;
  CHECK(row.selected(36, options) == from_to(0, 9));
  const Box one[] = {{0, 0, 3.5f, 10}};
  const auto in_one = ppsm(row.candidates, row.similarity, 36, one, options).selected;
  CHECK(in_one.size() < row.candidates.size());
  for (const std::size_t i : in_one) CHECK(row.candidates[i].x <= 3);
  CHECK(ppsm(row.candidates, row.similarity, 36, {}, options).selected.empty());
}

TEST_CASE("ppsm: permuting the candidates permutes the selection", "[ppsm]") {
  for (std::uint32_t seed = 0; seed < 50; ++seed) {
    Random random(seed);
    FloatMap similarity(30, 40);
    for (float& v : similarity.reshaped()) v = random.real(-1, 1);
    std::vector<Point> candidates;
    for (int i = 0; i < 60; ++i)
      candidates.push_back({random.integer(0, 39), random.integer(0, 29)});
    std::vector<Box> boxes;
    for (int i = 0; i < 5; ++i) {
      const float x = random.real(-5, 35), y = random.real(-5, 25);
      boxes.push_back({x, y, x + random.real(1, 15), y + random.real(1, 15)});
    }
    std::vector<Point> shuffled = candidates;
    for (std::size_t i = shuffled.size() - 1; i > 0; --i)
      std::swap(shuffled[i],
                shuffled[static_cast<std::size_t>(random.integer(0, static_cast<int>(i)))]);
    const auto points_of = [&](const std::vector<Point>& from) {
      const auto selected = ppsm(from, similarity, 4, boxes).selected;
      CHECK(std::is_sorted(selected.begin(), selected.end()));
      std::vector<Point> points;
      for (const auto i : selected) points.push_back(from[i]);
      std::sort(points.begin(), points.end());
      return points;
    };
    INFO("seed " << seed);
    CHECK(points_of(candidates) == points_of(shuffled));
  }
}

TEST_CASE("ppsm: NaN in the similarity throws in paper and selects nothing in reference",
          "[ppsm][errors]") {
  Row row;
  row.similarity(0, 2) = nan_value;
  CHECK_THAT(message_of<InvalidArgument>([&] { row.selected(4, paper_rules); }),
             ContainsSubstring("similarity map: value nan at x=2, y=0"));
  CHECK(row.selected(4, reference_rules).empty());
}

TEST_CASE("ppsm: a candidate outside the similarity map throws InvalidArgument with its place",
          "[ppsm][errors]") {
  const Row row;
  for (const Point p : {Point{10, 0}, Point{0, 1}, Point{-1, 0}, Point{0, -1}}) {
    const std::vector<Point> candidates{p};
    CHECK_THAT(
        message_of<InvalidArgument>([&] { ppsm(candidates, row.similarity, 4, row.everywhere); }),
        ContainsSubstring(fmt::format("x={}, y={}", p.x, p.y)) && ContainsSubstring("10 x 1"));
  }
}

TEST_CASE("ppsm: an empty similarity map throws InvalidArgument", "[ppsm][errors]") {
  CHECK_THROWS_AS(ppsm({}, FloatMap(0, 0), 4, {}), InvalidArgument);
}
