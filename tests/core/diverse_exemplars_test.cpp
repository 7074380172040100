#include "persense/diverse_exemplars.hpp"

#include <set>

#include "catch.hpp"
#include "inputs.hpp"
#include "persense/descriptor.hpp"

using namespace persense;
using persense::testing::Random;

namespace {

struct Masks {
  std::vector<ScoredBox> boxes;
  Descriptors descriptors;
  Eigen::RowVectorXf first;
};

// Boxes that do not overlap, of three kinds of looks; the first exemplar is of the first kind.
Masks masks_of(std::uint32_t seed, int count, float scale = 1) {
  Random random(seed);
  Masks masks;
  masks.descriptors.resize(count, 8);
  masks.first = Eigen::RowVectorXf::Zero(8);
  masks.first(0) = 5;
  for (int i = 0; i < count; ++i) {
    const float x = 50.0f * static_cast<float>(i % 10), y = 50.0f * static_cast<float>(i / 10);
    const float side = random.real(10, 40), wide = random.real(0.6f, 1.6f);
    masks.boxes.push_back({{scale * x, scale * y, scale * (x + side * wide), scale * (y + side)},
                           random.real(0.5f, 1)});
    for (float& v : masks.descriptors.row(i).reshaped()) v = random.real(-0.5f, 0.5f);
    masks.descriptors(i, i % 3) += 5;
  }
  return masks;
}

std::vector<std::size_t> chosen(const Masks& masks, Rules rules = Rules::paper) {
  return diverse_exemplars(masks.first, masks.boxes, masks.descriptors, rules);
}

// Describes a mask by as many numbers as it is wide.
struct WidthEncoder {
  struct Embedding {};
  struct Prototype {};
  Embedding encode(ImageView) const { return {}; }
  Prototype prototype(std::span<const EncodedExample<Embedding>>) const { return {}; }
  FloatMap similarity(const Embedding&, const Prototype&, Size size) const {
    return FloatMap::Zero(size.height, size.width);
  }
  Eigen::RowVectorXf describe(const Embedding&, const Mask& mask, Size) const {
    return Eigen::RowVectorXf::Ones(mask.box.width());
  }
};
static_assert(DescribesObjects<WidthEncoder>);

Mask mask_of_width(int width) {
  return {{0, 0, width, 1}, std::vector<std::uint8_t>(static_cast<std::size_t>(width), 1)};
}

}  // namespace

TEST_CASE("descriptors_of: descriptors of different lengths are an error that names both",
          "[exemplars]") {
  const cv::Mat image = cv::Mat::zeros(4, 8, CV_8UC3);
  const Mask two = mask_of_width(2), three = mask_of_width(3);
  const auto of = [&](const Mask& a, const Mask& b) {
    const Mask* const masks[] = {&a, &b};
    return descriptors_of(WidthEncoder{}, {}, ImageView::of_rgb(image), masks);
  };
  CHECK(of(two, two).cols() == 2);
  CHECK_THROWS_WITH(of(two, three), "encoder: a descriptor of 3 values after one of 2");
}

TEST_CASE("diverse exemplars: three different ones, of a small, a middle and a large area",
          "[exemplars]") {
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    const Masks masks = masks_of(seed, 30);
    const auto picked = chosen(masks);
    REQUIRE(picked.size() == 3);
    CHECK(std::set(picked.begin(), picked.end()).size() == 3);
    std::vector<float> areas;
    for (const std::size_t i : picked) areas.push_back(masks.boxes[i].box.area());
    CHECK(areas[0] < areas[1]);
    CHECK(areas[1] < areas[2]);
  }
}

TEST_CASE("diverse exemplars: the scale of the image changes nothing", "[exemplars]") {
  for (std::uint32_t seed = 0; seed < 20; ++seed)
    CHECK(chosen(masks_of(seed, 30, 4)) == chosen(masks_of(seed, 30)));
}

TEST_CASE("diverse exemplars: those that share more than half are not chosen together",
          "[exemplars]") {
  Masks masks = masks_of(3, 30);
  const auto before = chosen(masks);
  // the second choice moves onto the first
  masks.boxes[before[1]].box = masks.boxes[before[0]].box;
  const auto after = chosen(masks);
  REQUIRE(after.size() == 3);
  for (std::size_t i = 0; i < after.size(); ++i)
    for (std::size_t j = i + 1; j < after.size(); ++j)
      CHECK(iou(masks.boxes[after[i]].box, masks.boxes[after[j]].box) <= 0.5f);
}

TEST_CASE("diverse exemplars: masks without a score are never chosen, and none is no error",
          "[exemplars]") {
  Masks masks = masks_of(5, 12);
  for (std::size_t i = 0; i < 12; ++i)
    if (i != 4 && i != 7) masks.boxes[i].score = 0;
  auto picked = chosen(masks);
  std::sort(picked.begin(), picked.end());
  CHECK(picked == std::vector<std::size_t>{4, 7});
  for (ScoredBox& b : masks.boxes) b.score = 0;
  CHECK(chosen(masks).empty());
}

TEST_CASE("diverse exemplars: equal descriptors are one group, and no error", "[exemplars]") {
  Masks masks = masks_of(6, 12);
  masks.descriptors.setConstant(1);
  CHECK(chosen(masks).size() == 3);
}
