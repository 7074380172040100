#include "persense/instances.hpp"

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
