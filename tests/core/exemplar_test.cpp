#include "persense/exemplar.hpp"

#include "catch.hpp"
#include "inputs.hpp"

using namespace persense;
using Catch::Matchers::ContainsSubstring;
using persense::testing::message_of;

TEST_CASE("most_confident: the highest confidence, the first one on ties, null without any",
          "[exemplar]") {
  const std::vector<Detection> detections{
      {{0, 0, 1, 1}, 0.3f}, {{1, 0, 2, 1}, 0.8f}, {{2, 0, 3, 1}, 0.8f}};
  CHECK(most_confident(detections) == &detections[1]);
  CHECK(most_confident({}) == nullptr);
}

TEST_CASE("pixels_of: the pixels a box touches, clipped to the image", "[exemplar]") {
  const Size image{20, 10};
  CHECK(pixels_of({2.5f, 3.0f, 4.0f, 4.1f}, image) == PixelBox{2, 3, 4, 5});
  CHECK(pixels_of({-7, -7, 100, 100}, image) == PixelBox{0, 0, 20, 10});
  CHECK(pixels_of({20, 0, 30, 5}, image) == PixelBox{});
  CHECK(pixels_of({-9, 0, -1, 5}, image) == PixelBox{});
  CHECK(pixels_of({5, 5, 5, 5}, image) == PixelBox{});
}

TEST_CASE("location_prior: the most similar pixel inside the box, the first in raster order",
          "[exemplar]") {
  FloatMap similarity = FloatMap::Zero(10, 20);
  similarity(1, 18) = 1.0f;  // outside the box
  similarity(4, 7) = 0.5f;
  similarity(6, 5) = 0.5f;
  CHECK(location_prior(similarity, {3, 2, 12, 9}, LocationPrior::similarity) == Point{7, 4});
  CHECK(location_prior(similarity, {-50, -50, 500, 500}, LocationPrior::similarity) ==
        Point{18, 1});
}

TEST_CASE("location_prior: box_center is the floor of the middle of truncated corners",
          "[exemplar]") {
  const FloatMap similarity = FloatMap::Zero(10, 20);
  const auto center = [&](const Box& box) {
    return location_prior(similarity, box, LocationPrior::box_center);
  };
  CHECK(center({3.9f, 2.9f, 8.1f, 5.9f}) == Point{5, 3});
  CHECK(center({-3.9f, 0, 2, 4}) == Point{0, 2});  // (-3 + 2) // 2 = -1, moved inside
  CHECK(center({18, 8, 90, 90}) == Point{19, 9});
}

TEST_CASE("location_prior: a box outside the image throws InvalidArgument with both",
          "[exemplar][errors]") {
  const FloatMap similarity = FloatMap::Zero(10, 20);
  CHECK_THAT(message_of<InvalidArgument>([&] {
               location_prior(similarity, {30, 2, 40, 9}, LocationPrior::similarity);
             }),
             ContainsSubstring("(30, 2, 40, 9)") && ContainsSubstring("20 x 10"));
}
