#include "persense/detail/support_mask.hpp"

#include "catch.hpp"
#include "inputs.hpp"

using namespace persense;
using Catch::Matchers::ContainsSubstring;
using persense::testing::message_of;

namespace {

const cv::Mat picture(40, 60, CV_8UC3, cv::Scalar(90, 90, 90));

std::string complaint(const cv::Mat& image, const cv::Mat& mask) {
  return message_of<InvalidArgument>(
      [&] { check_support(ImageView::of_rgb(image), MaskView(mask)); });
}

cv::Mat mask_with(std::initializer_list<cv::Rect> parts, cv::Size size = picture.size()) {
  cv::Mat mask = cv::Mat::zeros(size, CV_8UC1);
  for (const cv::Rect& part : parts) mask(part) = 255;
  return mask;
}

CheckedMask checked_of(const cv::Mat& mask, Parts rule = Parts::examples) {
  return check_support(ImageView::of_rgb(picture), MaskView(mask), rule);
}

}  // namespace

TEST_CASE("check_support: one object keeps its mask, without a note", "[support]") {
  const auto checked = checked_of(mask_with({{10, 5, 8, 6}}));
  REQUIRE(checked.parts.size() == 1);
  CHECK(checked.parts[0].box == PixelBox{10, 5, 18, 11});
  CHECK(checked.parts[0].area() == 48);
  CHECK(checked.notes.empty());
}

TEST_CASE("equivalent_diameter: is that of the disc with the area", "[support]") {
  CHECK(equivalent_diameter(48) == Approx(2 * std::sqrt(48 / 3.14159265)));
  CHECK(equivalent_diameter(0) == 0);
}

TEST_CASE("check_support: any value but 0 is inside", "[support]") {
  const auto checked = checked_of(mask_with({{10, 5, 8, 6}}) / 255);
  REQUIRE(checked.parts.size() == 1);
  CHECK(checked.parts[0].area() == 48);
}

TEST_CASE("check_support: parts far smaller than the largest are left out, and a note says so",
          "[support]") {
  const auto checked = checked_of(mask_with({{1, 1, 3, 3}, {20, 10, 9, 7}, {45, 30, 4, 4}}));
  REQUIRE(checked.parts.size() == 1);
  CHECK(checked.parts[0].box == PixelBox{20, 10, 29, 17});
  CHECK(checked.parts[0].area() == 63);
  CHECK(checked.notes ==
        std::vector<std::string>{"support mask: has 3 separate parts, the largest (63 pixels) is "
                                 "used, as the others are far smaller"});
}

TEST_CASE("check_support: parts of at least half of the largest are one example each, it first",
          "[support]") {
  // areas 31, 64, 32, 10
  const cv::Mat mask = mask_with({{1, 1, 31, 1}, {1, 10, 8, 8}, {20, 10, 8, 4}, {40, 10, 5, 2}});
  const auto checked = checked_of(mask);
  REQUIRE(checked.parts.size() == 2);
  CHECK(checked.parts[0].area() == 64);
  CHECK(checked.parts[1].area() == 32);
  CHECK(checked.notes ==
        std::vector<std::string>{
            "support mask: has 4 separate parts, 2 of like size are one example each"});
}

TEST_CASE("check_support: the rule largest keeps the largest part alone", "[support]") {
  const auto checked = checked_of(mask_with({{1, 10, 8, 7}, {20, 10, 8, 8}}), Parts::largest);
  REQUIRE(checked.parts.size() == 1);
  CHECK(checked.parts[0].box == PixelBox{20, 10, 28, 18});
  CHECK(checked.notes ==
        std::vector<std::string>{
            "support mask: has 2 separate parts, the largest (64 pixels) is used"});
}

TEST_CASE("check_support: of many parts of like size, the first 32 are examples", "[support]") {
  cv::Mat mask = cv::Mat::zeros(picture.size(), CV_8UC1);
  for (int y = 1; y < 40; y += 4)
    for (int x = 1; x < 20; x += 4) mask(cv::Rect(x, y, 2, 2)) = 255;
  const auto checked = checked_of(mask);
  CHECK(checked.parts.size() == 32);
  CHECK(checked.notes ==
        std::vector<std::string>{
            "support mask: has 50 separate parts, 32 of like size are one example each"});
}

TEST_CASE("check_support: a part of another's box holds its own pixels alone", "[support]") {
  cv::Mat mask = mask_with({{5, 5, 11, 11}});
  mask(cv::Rect(6, 6, 9, 9)) = 0;    // a frame of 40 pixels
  mask(cv::Rect(8, 8, 5, 5)) = 255;  // and 25 inside of it
  const auto checked = checked_of(mask);
  REQUIRE(checked.parts.size() == 2);
  CHECK(checked.parts[0].area() == 40);
  CHECK(checked.parts[1].area() == 25);
  CHECK(intersection_area(checked.parts[0], checked.parts[1]) == 0);
}

TEST_CASE("check_support: a thin closed line is filled, with a note, unless the rule is largest",
          "[support]") {
  cv::Mat mask = mask_with({});
  cv::circle(mask, {25, 20}, 14, 255, 1);
  cv::Mat disc = mask_with({});
  cv::circle(disc, {25, 20}, 14, 255, cv::FILLED);
  const auto checked = checked_of(mask);
  CHECK(checked.parts[0].area() == cv::countNonZero(disc));
  REQUIRE(checked.notes.size() == 1);
  CHECK(checked.notes[0] ==
        "support mask: is an outline, a line about 1 pixels wide; what is inside was taken, too");
  CHECK(checked_of(mask, Parts::largest).parts[0].area() == cv::countNonZero(mask));
  cv::circle(mask, {25, 20}, 9, 0, cv::FILLED);
  cv::circle(mask, {25, 20}, 12, 255, 6);  // a ring: an object with a hole
  CHECK(checked_of(mask).notes.empty());
}

TEST_CASE("check_support: an inverted mask and a dot are used, with a note", "[support]") {
  const auto inverted = checked_of(~mask_with({{20, 10, 9, 7}}));
  REQUIRE(inverted.notes.size() == 1);
  CHECK_THAT(inverted.notes[0], ContainsSubstring("covers 97 % of the image and all four borders"));
  const auto dot = checked_of(mask_with({{20, 10, 3, 2}}));
  REQUIRE(dot.notes.size() == 1);
  CHECK_THAT(dot.notes[0], ContainsSubstring("has 6 pixels, too few to tell"));
}

TEST_CASE("check_support: a mask with the sides exchanged hints at EXIF orientation",
          "[support][errors]") {
  CHECK_THAT(complaint(picture, mask_with({{1, 1, 3, 3}}, {40, 60})),
             ContainsSubstring("one of the two may be turned by its EXIF orientation"));
  CHECK_THAT(complaint(picture, mask_with({{1, 1, 3, 3}}, {41, 60})), !ContainsSubstring("EXIF"));
}

TEST_CASE("check_support: parts that touch at a corner are one object", "[support]") {
  const auto checked =
      check_support(ImageView::of_rgb(picture), MaskView(mask_with({{5, 5, 4, 4}, {9, 9, 4, 4}})));
  REQUIRE(checked.parts.size() == 1);
  CHECK(checked.parts[0].box == PixelBox{5, 5, 13, 13});
  CHECK(checked.notes.empty());
}

TEST_CASE("check_support: an empty mask, one of another size or a full one throws InvalidArgument",
          "[support][errors]") {
  CHECK_THAT(complaint(picture, mask_with({})), ContainsSubstring("support mask: no pixel is set"));
  CHECK_THAT(complaint(picture, cv::Mat()),
             ContainsSubstring("support mask: size 0 x 0, expected 60 x 40"));
  CHECK_THAT(complaint(picture, mask_with({{1, 1, 3, 3}}, {40, 60})),
             ContainsSubstring("support mask: size 40 x 60, expected the support image's 60 x 40"));
  CHECK_THAT(complaint(picture, mask_with({{0, 0, 60, 40}})),
             ContainsSubstring("support mask: covers the whole image"));
}

TEST_CASE("check_support: an empty image throws InvalidArgument", "[support][errors]") {
  CHECK_THAT(complaint(cv::Mat(), cv::Mat()), ContainsSubstring("support image: size 0 x 0"));
}

TEST_CASE("check_support: images of one or two pixels work as far as they can", "[support]") {
  CHECK_THAT(complaint(cv::Mat::zeros(1, 1, CV_8UC3), cv::Mat::ones(1, 1, CV_8UC1)),
             ContainsSubstring("covers the whole image"));
  const auto checked = check_support(ImageView::of_rgb(cv::Mat(1, 2, CV_8UC3, cv::Scalar())),
                                     MaskView(mask_with({{1, 0, 1, 1}}, {2, 1})));
  REQUIRE(checked.parts.size() == 1);
  CHECK(checked.parts[0].box == PixelBox{1, 0, 2, 1});
}

TEST_CASE("check_support: a mask inside larger memory is read through its stride", "[support]") {
  const cv::Mat large = mask_with({{10, 5, 8, 6}, {55, 0, 5, 40}});
  const cv::Mat region = large(cv::Rect(0, 0, 50, 40));
  const auto checked =
      check_support(ImageView::of_rgb(picture(cv::Rect(0, 0, 50, 40))), MaskView(region));
  REQUIRE(checked.parts.size() == 1);
  CHECK(checked.parts[0].box == PixelBox{10, 5, 18, 11});
  CHECK(checked.notes.empty());
}
