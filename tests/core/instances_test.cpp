#include "persense/instances.hpp"

#include <numeric>
#include <opencv2/core.hpp>

#include "catch.hpp"
#include "inputs.hpp"

using namespace persense;
using persense::testing::Random;

namespace {

Mask rectangle(const PixelBox& box) {
  Mask mask{box, {}};
  mask.bits.assign(static_cast<std::size_t>(box.area()), 1);
  return mask;
}

std::vector<Prompt> prompts(std::size_t count) {
  std::vector<Prompt> list;
  for (std::size_t i = 0; i < count; ++i)
    list.push_back({{static_cast<int>(i), 0}, Prompt::Role::final_pass});
  return list;
}

/// The prompts (by their x) whose masks became instances.
std::vector<int> kept(std::vector<ScoredMask> masks, const InstanceOptions& options = {}) {
  const auto asked = prompts(masks.size());
  std::vector<int> numbers;
  for (const Instance& instance : make_instances(asked, std::move(masks), options))
    numbers.push_back(instance.point.x);
  return numbers;
}

Instance instance(const PixelBox& box, float score = 0.5f, std::size_t class_index = 0) {
  return {rectangle(box), static_cast<Box>(box), {box.x0, box.y0}, score, class_index};
}

std::vector<PixelBox> boxes_of(const std::vector<Instance>& instances) {
  std::vector<PixelBox> boxes;
  for (const Instance& i : instances) boxes.push_back(i.mask.box);
  return boxes;
}

constexpr Size frame{100, 80};

/// Boxes of instances at random, of up to three classes; all in the left upper part of the frame.
std::vector<Instance> crowd(Random& random, int count) {
  std::vector<Instance> instances;
  for (int i = 0; i < count; ++i) {
    const int x = random.integer(0, 60), y = random.integer(0, 40);
    instances.push_back(instance({x, y, x + random.integer(3, 20), y + random.integer(3, 20)},
                                 random.real(0, 1),
                                 static_cast<std::size_t>(random.integer(0, 2))));
  }
  return instances;
}

std::vector<float> random_values(Random& random, std::size_t count) {
  std::vector<float> values(count);
  for (float& v : values) v = random.real(0, 1);
  return values;
}

void shift(std::vector<Instance>& instances, int dx, int dy) {
  for (Instance& i : instances) {
    PixelBox& b = i.mask.box;
    b = {b.x0 + dx, b.y0 + dy, b.x1 + dx, b.y1 + dy};
    i.box = static_cast<Box>(b);
  }
}

/// A permutation of 0 .. count - 1.
std::vector<std::size_t> shuffled(Random& random, std::size_t count) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = count; i > 1; --i)
    std::swap(order[i - 1],
              order[static_cast<std::size_t>(random.integer(0, static_cast<int>(i) - 1))]);
  return order;
}

/// The boxes that pass a filter.
std::vector<PixelBox> passed(std::vector<Instance> instances, const FilterOptions& filter,
                             std::vector<double> areas = {100}, const cv::Mat& region = {}) {
  return boxes_of(filtered(std::move(instances), filter, areas, MaskView(region)));
}

}  // namespace

TEST_CASE("make_instances: each mask becomes an instance with its box, point and score",
          "[instances]") {
  const auto asked = prompts(2);
  const auto instances =
      make_instances(asked, {{rectangle({1, 2, 5, 8}), 0.25f}, {rectangle({10, 2, 12, 3}), 0.75f}});
  REQUIRE(instances.size() == 2);
  CHECK(instances[0].box == Box{1, 2, 5, 8});
  CHECK(instances[0].score == 0.25f);
  CHECK(instances[0].point == Point{0, 0});
  CHECK(instances[0].mask.area() == 24);
  CHECK(instances[1].point == Point{1, 0});
}

TEST_CASE("make_instances: empty masks are left out", "[instances]") {
  CHECK(kept({{Mask{}, 1.0f}, {rectangle({0, 0, 3, 3}), 0.1f}, {Mask{}, 0.5f}}) ==
        std::vector<int>{1});
  CHECK(kept({}).empty());
}

TEST_CASE("make_instances: of repeats the one with the highest score stays, in its place",
          "[instances]") {
  const auto square = rectangle({0, 0, 10, 10});
  CHECK(
      kept({{square, 0.5f}, {rectangle({30, 0, 40, 10}), 0.1f}, {square, 0.9f}, {square, 0.7f}}) ==
      std::vector<int>{1, 2});
}

TEST_CASE("make_instances: of repeats with equal scores the earlier prompt stays", "[instances]") {
  const auto square = rectangle({0, 0, 10, 10});
  // more masks than std::sort leaves in order by chance
  CHECK(kept(std::vector<ScoredMask>(100, {square, 0.5f})) == std::vector<int>{0});
}

TEST_CASE("make_instances: a repeat shares more than the overlap of the smaller mask",
          "[instances]") {
  // 10 x 10 against 10 x 10 shifted: 70 of 100 pixels shared is not more than 0.7, 80 is
  const InstanceOptions options{0.75f};
  CHECK(kept({{rectangle({0, 0, 10, 10}), 0.9f}, {rectangle({3, 0, 13, 10}), 0.5f}}, options) ==
        std::vector<int>{0, 1});
  CHECK(kept({{rectangle({0, 0, 10, 10}), 0.9f}, {rectangle({2, 0, 12, 10}), 0.5f}}, options) ==
        std::vector<int>{0});
  // a small mask inside a large one shares all of itself
  CHECK(kept({{rectangle({0, 0, 50, 50}), 0.9f}, {rectangle({5, 5, 8, 8}), 0.8f}}) ==
        std::vector<int>{0});
}

TEST_CASE("make_instances: a duplicate overlap of 1 keeps every mask", "[instances]") {
  const auto square = rectangle({0, 0, 10, 10});
  CHECK(kept({{square, 0.5f}, {square, 0.5f}, {square, 0.9f}}, {1.0f}) ==
        std::vector<int>{0, 1, 2});
}

TEST_CASE("make_instances: a duplicate overlap of 0 keeps no two masks that share a pixel",
          "[instances]") {
  CHECK(kept({{rectangle({0, 0, 10, 10}), 0.5f},
              {rectangle({9, 9, 19, 19}), 0.6f},
              {rectangle({10, 0, 20, 9}), 0.1f}},
             {0.0f}) == std::vector<int>{1, 2});
}

TEST_CASE("make_instances: boxes that overlap without a shared pixel are no repeats",
          "[instances]") {
  // two interleaved combs in one box
  Mask even = rectangle({0, 0, 10, 10}), odd = even;
  for (int y = 0; y < 10; ++y)
    for (int x = 0; x < 10; ++x) (y % 2 == 0 ? odd : even).row(y)[x] = 0;
  CHECK(kept({{even, 0.5f}, {odd, 0.6f}}, {0.0f}) == std::vector<int>{0, 1});
}

TEST_CASE("crop_to_box: holds the mask's pixels in their tight box, wherever the view lies",
          "[mask]") {
  for (std::uint32_t seed = 0; seed < 50; ++seed) {
    Random random(seed);
    cv::Mat full = cv::Mat::zeros(random.integer(1, 30), random.integer(1, 30), CV_8UC1);
    for (int i = random.integer(0, 9); i > 0; --i)
      full.at<std::uint8_t>(random.integer(0, full.rows - 1), random.integer(0, full.cols - 1)) =
          static_cast<std::uint8_t>(random.integer(1, 255));
    const Point origin{random.integer(0, 9), random.integer(0, 9)};
    const Mask mask = crop_to_box(MaskView(full), origin);
    INFO("seed " << seed);
    CHECK(mask.area() == cv::countNonZero(full));
    CHECK(mask.empty() == (cv::countNonZero(full) == 0));
    int wrong = 0;
    for (int y = 0; y < full.rows; ++y)
      for (int x = 0; x < full.cols; ++x)
        wrong += mask.contains({x + origin.x, y + origin.y}) != (full.at<std::uint8_t>(y, x) != 0);
    CHECK(wrong == 0);
    const cv::Rect r = cv::boundingRect(full);
    if (!mask.empty())
      CHECK(mask.box == PixelBox{r.x + origin.x, r.y + origin.y, r.x + r.width + origin.x,
                                 r.y + r.height + origin.y});
  }
}

TEST_CASE("tight_box: holds every pixel of masks a few pixels wide", "[mask]") {
  testing::Random random(17);
  for (int round = 0; round < 2000; ++round) {
    cv::Mat mask = cv::Mat::zeros(random.integer(1, 12), random.integer(1, 4), CV_8UC1);
    PixelBox all{mask.cols, mask.rows, 0, 0};
    for (int n = random.integer(1, 3); n > 0; --n) {
      const int x = random.integer(0, mask.cols - 1), y = random.integer(0, mask.rows - 1);
      mask.at<std::uint8_t>(y, x) = 255;
      all = {std::min(all.x0, x), std::min(all.y0, y), std::max(all.x1, x + 1),
             std::max(all.y1, y + 1)};
    }
    CAPTURE(mask);
    CHECK(tight_box(MaskView(mask)) == all);
  }
}

TEST_CASE("intersection_area: counts the pixels two masks share", "[mask]") {
  for (std::uint32_t seed = 0; seed < 50; ++seed) {
    Random random(seed);
    cv::Mat full[2];
    Mask masks[2];
    for (int i = 0; i < 2; ++i) {
      full[i] = cv::Mat::zeros(30, 40, CV_8UC1);
      cv::circle(full[i], {random.integer(0, 40), random.integer(0, 30)}, random.integer(1, 15),
                 255, cv::FILLED);
      masks[i] = crop_to_box(MaskView(full[i]));
    }
    INFO("seed " << seed);
    CHECK(intersection_area(masks[0], masks[1]) == cv::countNonZero(full[0] & full[1]));
    CHECK(intersection_area(masks[1], masks[0]) == cv::countNonZero(full[0] & full[1]));
  }
}

TEST_CASE("compete: a pixel that two classes claim goes to the one more similar to its support",
          "[instances][classes]") {
  const PixelBox left{10, 10, 20, 20}, right{17, 10, 27, 20};
  const auto won =
      compete({instance(left, 0.9f, 0), instance(right, 0.1f, 1)}, std::vector{0.4f, 0.6f}, frame);
  REQUIRE(won.size() == 2);
  CHECK(won[0].mask.box == PixelBox{10, 10, 17, 20});  // tight around what is left
  CHECK(won[0].box == Box{10, 10, 17, 20});
  CHECK(won[0].mask.area() == 70);
  CHECK(won[1].mask.box == right);
  CHECK(won[1].mask.area() == 100);
}

TEST_CASE("compete: of equal similarities the higher score wins, of equal scores the earlier class",
          "[instances][classes]") {
  const PixelBox box{10, 10, 20, 20};
  const std::vector<float> equal(2, 0.5f);
  const auto by_score = compete({instance(box, 0.1f, 0), instance(box, 0.9f, 1)}, equal, frame);
  REQUIRE(by_score.size() == 1);
  CHECK(by_score[0].class_index == 1);
  const auto by_class = compete({instance(box, 0.5f, 0), instance(box, 0.5f, 1)}, equal, frame);
  REQUIRE(by_class.size() == 1);
  CHECK(by_class[0].class_index == 0);
}

TEST_CASE("compete: an instance that loses more than half of its pixels is dropped",
          "[instances][classes]") {
  const std::vector<float> similarity{0.9f, 0.1f};
  const auto losing = [&](int columns, float duplicate_overlap = 0.7f) {
    const PixelBox loser{20 - columns, 10, 30 - columns, 20};  // of its 10 columns
    return compete({instance({10, 10, 20, 20}, 0.5f, 0), instance(loser, 0.5f, 1)}, similarity,
                   frame, {duplicate_overlap})
               .size() == 1;
  };
  CHECK_FALSE(losing(5));
  CHECK(losing(6));
  CHECK(losing(3, 0.2f));  // where less makes a duplicate, less is enough
  CHECK_FALSE(losing(2, 0.2f));
  CHECK(losing(1, 0.0f));
  CHECK_FALSE(losing(0, 0.0f));
}

TEST_CASE("compete: what is dropped claims no pixel", "[instances][classes]") {
  // the second is the first's object; the third overlaps the second alone
  const auto won =
      compete({instance({10, 10, 20, 20}, 0.5f, 0), instance({10, 10, 24, 20}, 0.5f, 1),
               instance({20, 10, 30, 20}, 0.5f, 2)},
              std::vector{0.9f, 0.5f, 0.1f}, frame);
  REQUIRE(won.size() == 2);
  CHECK(won[1].class_index == 2);
  CHECK(won[1].mask.area() == 100);
}

TEST_CASE("compete: within a class nothing changes", "[instances][classes]") {
  const auto won =
      compete({instance({10, 10, 20, 20}, 0.5f, 1), instance({11, 10, 21, 20}, 0.5f, 1)},
              std::vector{0.9f, 0.1f}, frame);
  REQUIRE(won.size() == 2);
  CHECK(won[0].mask.area() == 100);
  CHECK(won[1].mask.area() == 100);
}

TEST_CASE("compete: masks of different classes share no pixel, whatever they were",
          "[instances][classes]") {
  for (std::uint32_t seed = 0; seed < 50; ++seed) {
    Random random(seed);
    const auto all = crowd(random, 20);
    const auto won = compete(all, random_values(random, all.size()), frame);
    INFO("seed " << seed);
    REQUIRE_FALSE(won.empty());
    for (const Instance& a : won) {
      CHECK(a.mask.area() > 0);
      CHECK(a.box == static_cast<Box>(a.mask.box));
      for (const Instance& b : won)
        if (a.class_index != b.class_index) CHECK(intersection_area(a.mask, b.mask) == 0);
    }
  }
}

TEST_CASE("compete: the order that instances come in changes nothing, and is kept",
          "[instances][classes]") {
  for (std::uint32_t seed = 0; seed < 50; ++seed) {
    Random random(seed);
    const auto all = crowd(random, 20);
    const auto similarity = random_values(random, all.size());  // no two alike
    const auto order = shuffled(random, all.size());
    std::vector<Instance> mixed;
    std::vector<float> mixed_similarity;
    for (const std::size_t i : order) {
      mixed.push_back(all[i]);
      mixed_similarity.push_back(similarity[i]);
    }
    // an instance's score is its own: none are alike
    const auto straight = compete(all, similarity, frame);
    const auto other = compete(mixed, mixed_similarity, frame);
    INFO("seed " << seed);
    REQUIRE(straight.size() == other.size());
    for (const Instance& a : straight) {
      const auto b = std::find_if(other.begin(), other.end(),
                                  [&](const Instance& i) { return i.score == a.score; });
      REQUIRE(b != other.end());
      CHECK(a.mask.box == b->mask.box);
      CHECK(a.mask.bits == b->mask.bits);
    }
    const auto place = [&](const Instance& i) {
      return std::find_if(mixed.begin(), mixed.end(),
                          [&](const Instance& m) { return m.score == i.score; }) -
             mixed.begin();
    };
    for (std::size_t i = 1; i < other.size(); ++i) CHECK(place(other[i - 1]) < place(other[i]));
  }
}

TEST_CASE("compete: instances that are shifted together give the same, shifted",
          "[instances][classes]") {
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    Random random(seed);
    auto all = crowd(random, 20);
    const auto similarity = random_values(random, all.size());
    auto expected = compete(all, similarity, frame);
    shift(expected, 13, 9);
    shift(all, 13, 9);
    const auto got = compete(all, similarity, frame);
    INFO("seed " << seed);
    REQUIRE(got.size() == expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      CHECK(got[i].mask.box == expected[i].mask.box);
      CHECK(got[i].mask.bits == expected[i].mask.bits);
    }
  }
}

TEST_CASE("filtered: without a setting every instance passes, in the order given",
          "[instances][filter]") {
  const PixelBox small{0, 0, 1, 1}, large{0, 0, 100, 80};
  CHECK(passed({instance(small, 0), instance(large, 1), instance(small, 0.5f)}, {}) ==
        std::vector{small, large, small});
  CHECK(passed({}, {.max_instances = 3}).empty());
}

TEST_CASE("filtered: every bound itself passes", "[instances][filter]") {
  const PixelBox ten{0, 0, 5, 2}, twenty{0, 0, 5, 4}, forty{0, 0, 10, 4};  // areas 10, 20, 40
  const std::vector<Instance> all{instance(ten, 0.25f), instance(twenty, 0.5f),
                                  instance(forty, 0.75f)};
  CHECK(passed(all, {.min_score = 0.5f}) == std::vector{twenty, forty});
  CHECK(passed(all, {.min_score = 0.51f}) == std::vector{forty});
  CHECK(passed(all, {.min_area = 20}) == std::vector{twenty, forty});
  CHECK(passed(all, {.min_area = 21}) == std::vector{forty});
  CHECK(passed(all, {.max_area = 20}) == std::vector{ten, twenty});
  CHECK(passed(all, {.max_area = 19}) == std::vector{ten});
  CHECK(passed(all, {.max_area = 0}) == std::vector{ten, twenty, forty});  // any
  // ratios of a support of 80 pixels: 0.125, 0.25 and 0.5
  CHECK(passed(all, {.min_area_ratio = 0.25f}, {80}) == std::vector{twenty, forty});
  CHECK(passed(all, {.max_area_ratio = 0.25f}, {80}) == std::vector{ten, twenty});
  CHECK(passed(all, {.max_area_ratio = 0}, {80}) == std::vector{ten, twenty, forty});
  CHECK(passed(all, {.min_area = 15, .max_area = 30}) == std::vector{twenty});
}

TEST_CASE("filtered: ratios are of the support of an instance's own class", "[instances][filter]") {
  const PixelBox box{0, 0, 5, 4};
  const std::vector<Instance> all{instance(box, 0.5f, 0), instance(box, 0.5f, 1)};
  const auto left = filtered(all, {.min_area_ratio = 0.5f}, std::vector<double>{100, 40});
  REQUIRE(left.size() == 1);
  CHECK(left[0].class_index == 1);
}

TEST_CASE("filtered: drops what is flagged as touching the border, where it should",
          "[instances][filter]") {
  auto cut = instance({0, 0, 5, 5});
  cut.touches_border = true;
  const auto whole = instance({10, 10, 15, 15});
  CHECK(passed({cut, whole}, {.border = Border::keep}).size() == 2);
  CHECK(passed({cut, whole}, {.border = Border::drop}) == std::vector{whole.mask.box});
}

TEST_CASE("filtered: keeps the instances with the highest scores, of equal ones the first",
          "[instances][filter]") {
  const auto at = [](int x, float score) { return instance({x, 0, x + 1, 1}, score); };
  const auto left = [&](int most) {
    std::vector<int> places;
    for (const PixelBox& box :
         passed({at(0, 0.5f), at(1, 0.9f), at(2, 0.5f), at(3, 0.1f), at(4, 0.5f)},
                {.max_instances = most}))
      places.push_back(box.x0);
    return places;
  };
  CHECK(left(0) == std::vector{0, 1, 2, 3, 4});  // any number
  CHECK(left(1) == std::vector{1});
  CHECK(left(2) == std::vector{0, 1});
  CHECK(left(3) == std::vector{0, 1, 2});
  CHECK(left(4) == std::vector{0, 1, 2, 4});
  CHECK(left(5) == std::vector{0, 1, 2, 3, 4});
  CHECK(left(9) == std::vector{0, 1, 2, 3, 4});
  // those that another rule drops do not count
  CHECK(passed({at(0, 0.5f), instance({1, 0, 9, 9}, 0.9f), at(2, 0.4f)},
               {.max_area = 5, .max_instances = 1}) == std::vector{PixelBox{0, 0, 1, 1}});
}

TEST_CASE("filtered: an instance needs more than half of its pixels in the region",
          "[instances][filter]") {
  cv::Mat region = cv::Mat::zeros(frame.height, frame.width, CV_8UC1);
  region(cv::Rect(0, 0, 15, 80)) = 1;  // any value but 0
  const PixelBox half{10, 10, 20, 20}, more{9, 10, 19, 20}, out{20, 10, 30, 20};
  CHECK(passed({instance(half), instance(more), instance(out)}, {}, {100}, region) ==
        std::vector{more});
  // pixels of the mask count, not of its box
  Instance mostly_left = instance(half);
  mostly_left.mask.row(10)[9] = 0;  // one pixel less of those that lie outside
  CHECK(passed({mostly_left}, {}, {100}, region).size() == 1);
}

TEST_CASE("touches_border: says of each side whether a mask reaches it", "[instances][filter]") {
  CHECK_FALSE(touches_border(rectangle({1, 1, 99, 79}), frame));
  CHECK(touches_border(rectangle({0, 10, 5, 20}), frame));
  CHECK(touches_border(rectangle({10, 0, 15, 20}), frame));
  CHECK(touches_border(rectangle({90, 10, 100, 20}), frame));
  CHECK(touches_border(rectangle({10, 70, 15, 80}), frame));
}

TEST_CASE("sort_in_reading_order: lines from top to bottom, each from left to right",
          "[instances][order]") {
  // two lines of ten pixels, a little crooked, and one object between them
  const std::vector<PixelBox> expected{{0, 4, 10, 14},  {20, 0, 30, 10}, {40, 3, 50, 13},
                                       {5, 15, 15, 25}, {0, 34, 10, 44}, {20, 30, 30, 40},
                                       {40, 32, 50, 42}};
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    Random random(seed);
    std::vector<Instance> mixed;
    for (const std::size_t i : shuffled(random, expected.size()))
      mixed.push_back(instance(expected[i]));
    sort_in_reading_order(mixed);
    INFO("seed " << seed);
    CHECK(boxes_of(mixed) == expected);
  }
  std::vector<Instance> none;
  sort_in_reading_order(none);
  CHECK(none.empty());
}

TEST_CASE("sort_in_reading_order: the order that instances come in, or a shift, changes nothing",
          "[instances][order]") {
  for (std::uint32_t seed = 0; seed < 50; ++seed) {
    Random random(seed);
    auto all = crowd(random, 25);
    std::vector<Instance> mixed;
    for (const std::size_t i : shuffled(random, all.size())) mixed.push_back(all[i]);
    sort_in_reading_order(all);
    sort_in_reading_order(mixed);
    INFO("seed " << seed);
    CHECK(boxes_of(mixed) == boxes_of(all));
    shift(mixed, 500, 300);
    sort_in_reading_order(mixed);
    shift(mixed, -500, -300);
    CHECK(boxes_of(mixed) == boxes_of(all));
  }
}
