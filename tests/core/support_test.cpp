#include "persense/support.hpp"

#include "catch.hpp"
#include "inputs.hpp"

using namespace persense;
using Catch::Matchers::ContainsSubstring;
using persense::testing::message_of;

namespace {

const cv::Mat picture(40, 60, CV_8UC3, cv::Scalar(90, 90, 90));

std::string complaint(const cv::Mat& image, const cv::Mat& mask) {
  return message_of<InvalidArgument>([&] { check_support(ImageView(image), MaskView(mask)); });
}

cv::Mat mask_with(std::initializer_list<cv::Rect> parts, cv::Size size = picture.size()) {
  cv::Mat mask = cv::Mat::zeros(size, CV_8UC1);
  for (const cv::Rect& part : parts) mask(part) = 255;
  return mask;
}

}  // namespace

TEST_CASE("check_support: one object keeps its mask, box and diameter, without a note",
          "[support]") {
  const auto checked = check_support(ImageView(picture), MaskView(mask_with({{10, 5, 8, 6}})));
  CHECK(checked.box == PixelBox{10, 5, 18, 11});
  CHECK(checked.diameter == Approx(2 * std::sqrt(48 / 3.14159265)));
  CHECK(cv::countNonZero(checked.mask == 255) == 48);
  CHECK(checked.mask.size() == picture.size());
  CHECK(checked.notes.empty());
}

TEST_CASE("check_support: any value but 0 is inside", "[support]") {
  const cv::Mat mask = mask_with({{10, 5, 8, 6}}) / 255;
  CHECK(cv::countNonZero(check_support(ImageView(picture), MaskView(mask)).mask == 255) == 48);
}

TEST_CASE("check_support: of several parts the largest is kept, and a note says so", "[support]") {
  const auto mask = mask_with({{1, 1, 3, 3}, {20, 10, 9, 7}, {45, 30, 4, 4}});
  const auto checked = check_support(ImageView(picture), MaskView(mask));
  CHECK(checked.box == PixelBox{20, 10, 29, 17});
  CHECK(cv::countNonZero(checked.mask) == 63);
  REQUIRE(checked.notes.size() == 1);
  CHECK_THAT(checked.notes[0], ContainsSubstring("3 separate parts") && ContainsSubstring("63"));
}

TEST_CASE("check_support: parts that touch at a corner are one object", "[support]") {
  const auto checked =
      check_support(ImageView(picture), MaskView(mask_with({{5, 5, 4, 4}, {9, 9, 4, 4}})));
  CHECK(checked.box == PixelBox{5, 5, 13, 13});
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
  const auto checked = check_support(ImageView(cv::Mat(1, 2, CV_8UC3, cv::Scalar())),
                                     MaskView(mask_with({{1, 0, 1, 1}}, {2, 1})));
  CHECK(checked.box == PixelBox{1, 0, 2, 1});
}

TEST_CASE("check_support: a mask inside larger memory is read through its stride", "[support]") {
  const cv::Mat large = mask_with({{10, 5, 8, 6}, {55, 0, 5, 40}});
  const cv::Mat region = large(cv::Rect(0, 0, 50, 40));
  const auto checked = check_support(ImageView(picture(cv::Rect(0, 0, 50, 40))), MaskView(region));
  CHECK(checked.box == PixelBox{10, 5, 18, 11});
  CHECK(checked.notes.empty());
}
