#include "persense/maps.hpp"

#include <opencv2/imgproc.hpp>

#include "catch.hpp"
#include "inputs.hpp"
#include "persense/image.hpp"
#include "persense/models/longest_side.hpp"
#include "persense/resize.hpp"
#include "to_original.hpp"

using namespace persense;
using Catch::Matchers::ContainsSubstring;
using persense::testing::message_of;
using persense::testing::Random;

namespace {

FloatMap random_map(Random& random, Size size) {
  FloatMap map(size.height, size.width);
  for (float& v : map.reshaped()) v = random.real(-1, 1);
  return map;
}

}  // namespace

TEST_CASE("resize_bilinear: equals OpenCV's INTER_LINEAR when enlarging", "[maps]") {
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    Random random(seed);
    const Size from{random.integer(1, 40), random.integer(1, 40)};
    const Size to{from.width + random.integer(0, 100), from.height + random.integer(0, 100)};
    const FloatMap map = random_map(random, from);
    cv::Mat expected;
    cv::resize(as_mat(map), expected, {to.width, to.height}, 0, 0, cv::INTER_LINEAR);
    INFO("seed " << seed << ", " << to_string(from) << " to " << to_string(to));
    // sample positions reach 140 in float32: 140 * 2^-24 = 8e-6 of a pixel, differences up to 2
    CHECK((resize_bilinear(map, to) - as_map(expected)).abs().maxCoeff() < 4e-5f);
  }
}

TEST_CASE("resize_bilinear: the same size changes nothing, a constant stays, the range is kept",
          "[maps]") {
  Random random(1);
  const FloatMap map = random_map(random, {31, 17});
  CHECK((resize_bilinear(map, {31, 17}) == map).all());
  for (const Size to : {Size{1, 1}, Size{7, 90}, Size{200, 3}}) {
    CHECK((resize_bilinear(FloatMap::Constant(5, 6, 0.25f), to) == 0.25f).all());
    const FloatMap out = resize_bilinear(map, to);
    CHECK(size_of(out) == to);
    CHECK(out.minCoeff() >= map.minCoeff());
    CHECK(out.maxCoeff() <= map.maxCoeff());
  }
}

TEST_CASE("resize_bilinear: a view into a larger map gives the same as a copy", "[maps]") {
  Random random(2);
  const FloatMap large = random_map(random, {40, 30});
  const FloatMap copy = large.block(3, 5, 20, 25);
  CHECK((resize_bilinear(large.block(3, 5, 20, 25), {61, 47}) == resize_bilinear(copy, {61, 47}))
            .all());
}

TEST_CASE("resize_bilinear: an empty map or size throws InvalidArgument", "[maps][errors]") {
  CHECK_THAT(message_of<InvalidArgument>([] {
               resize_bilinear(FloatMap(0, 3), {4, 4});
             }),
             ContainsSubstring("3 x 0"));
  CHECK_THROWS_AS(resize_bilinear(FloatMap::Ones(3, 3), {4, 0}), InvalidArgument);
  CHECK_THROWS_AS(resize_bilinear(FloatMap::Ones(3, 3), {-4, 4}), InvalidArgument);
}

TEST_CASE("require_finite: names the map and the first bad pixel in raster order",
          "[maps][errors]") {
  FloatMap map = FloatMap::Zero(4, 5);
  CHECK_NOTHROW(require_finite(map, "test map"));
  map(3, 0) = std::numeric_limits<float>::infinity();
  map(2, 4) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THAT(message_of<InvalidArgument>([&] { require_finite(map, "test map"); }),
             ContainsSubstring("test map: value nan at x=4, y=2"));
}

TEST_CASE("as_mat and as_map: share the memory, stride included", "[maps]") {
  FloatMap map = FloatMap::Random(6, 8);
  const cv::Mat mat = as_mat(map.block(1, 2, 4, 5));
  CHECK(mat.ptr<float>() == &map(1, 2));
  CHECK(mat.at<float>(3, 4) == map(4, 6));
  const FloatMapView back = as_map(mat);
  CHECK(back.data() == &map(1, 2));
  CHECK((back == map.block(1, 2, 4, 5)).all());
}

TEST_CASE("as_map: another type throws InvalidArgument", "[maps][errors]") {
  CHECK_THROWS_AS(as_map(cv::Mat(3, 3, CV_8UC1)), InvalidArgument);
  CHECK_THROWS_AS(as_map(cv::Mat(3, 3, CV_32FC3)), InvalidArgument);
}

TEST_CASE("ImageView and MaskView: a matrix of another type throws InvalidArgument",
          "[image][errors]") {
  CHECK_THROWS_AS(ImageView::of_rgb(cv::Mat(3, 3, CV_8UC1)), InvalidArgument);
  CHECK_THROWS_AS(ImageView::of_rgb(cv::Mat(3, 3, CV_16UC3)), InvalidArgument);
  CHECK_THROWS_AS(MaskView(cv::Mat(3, 3, CV_8UC3)), InvalidArgument);
  CHECK_THROWS_AS(Image::from_rgb(cv::Mat(3, 3, CV_32FC3)), InvalidArgument);
  CHECK(ImageView::of_rgb(cv::Mat()).empty());
  CHECK(MaskView(cv::Mat()).empty());
}

TEST_CASE("ImageView: a region of a matrix is seen through its stride, and copied whole",
          "[image]") {
  cv::Mat large(20, 30, CV_8UC3);
  cv::randu(large, 0, 256);
  const cv::Mat region = large(cv::Rect(4, 5, 10, 8));
  const ImageView view = ImageView::of_rgb(region);
  CHECK(view.size() == Size{10, 8});
  CHECK(view.stride == 90);
  CHECK(view.row(2) == large.ptr(7) + 12);
  const Image copy = Image::copy_of(view);
  CHECK(copy.mat().data != region.data);
  CHECK(cv::norm(copy.mat(), region, cv::NORM_INF) == 0);
}

TEST_CASE("Image: from_bgr swaps red and blue in a copy, from_rgb takes pixels as they are",
          "[image]") {
  const cv::Mat pixels(3, 4, CV_8UC3, cv::Scalar(1, 2, 3));
  const Image swapped = Image::from_bgr(pixels), same = Image::from_rgb(pixels);
  CHECK(swapped.mat().at<cv::Vec3b>(2, 3) == cv::Vec3b(3, 2, 1));
  CHECK(pixels.at<cv::Vec3b>(2, 3) == cv::Vec3b(1, 2, 3));
  CHECK(same.mat().data == pixels.data);
  CHECK(ImageView::of_rgb(pixels).data == pixels.data);
  CHECK_THROWS_AS(Image::from_bgr(cv::Mat(3, 3, CV_8UC4)), InvalidArgument);
}

// a matrix does not say the order of its channels
static_assert(!std::is_constructible_v<ImageView, cv::Mat>);
static_assert(!std::is_constructible_v<Image, cv::Mat>);

TEST_CASE("LongestSide: the longest side becomes the target, the other keeps the proportion",
          "[longest_side]") {
  CHECK(LongestSide{{967, 839}, 1024}.input() == Size{1024, 888});
  CHECK(LongestSide{{300, 1200}, 1024}.input() == Size{256, 1024});
  CHECK(LongestSide{{64, 64}, 1024}.input() == Size{1024, 1024});
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    Random random(seed);
    const Size original{random.integer(100, 5000), random.integer(100, 5000)};
    const Size input = LongestSide{original, 1024}.input();
    CHECK(std::max(input.width, input.height) == 1024);
    const double scale = 1024.0 / std::max(original.width, original.height);
    CHECK(std::abs(input.width - scale * original.width) <= 0.5);
    CHECK(std::abs(input.height - scale * original.height) <= 0.5);
  }
}

TEST_CASE("LongestSide: corners of the image map to corners of the input", "[longest_side]") {
  const LongestSide frame{{967, 839}, 1024};
  CHECK(frame.to_input_x(0) == 0);
  CHECK(frame.to_input_x(967) == Approx(1024));
  CHECK(frame.to_input_y(839) == Approx(888));
}

TEST_CASE("LongestSide: a map comes back at image size with the padding gone", "[longest_side]") {
  // 1 on the input's part of the square, -1 on the padding (rows from 888 of 1024 on)
  const LongestSide frame{{967, 839}, 1024};
  FloatMap low = FloatMap::Ones(256, 256);
  low.bottomRows(256 - 222) = -1;
  const FloatMap map = persense::testing::to_original(frame, low);
  CHECK(size_of(map) == frame.original);
  CHECK((map.topRows(836) == 1.0f).all());  // the last rows see the padding through interpolation
}

TEST_CASE("resize_antialiased: the same size changes nothing, a constant stays", "[longest_side]") {
  cv::Mat image(23, 31, CV_8UC3);
  cv::RNG generator(4);
  generator.fill(image, cv::RNG::UNIFORM, 0, 256);
  CHECK(cv::norm(resize_antialiased(image, {31, 23}), image, cv::NORM_INF) == 0);
  const cv::Mat flat(23, 31, CV_8UC3, cv::Scalar(7, 130, 255));
  for (const Size to : {Size{1, 1}, Size{8, 9}, Size{100, 40}}) {
    const cv::Mat expected(to.height, to.width, CV_8UC3, cv::Scalar(7, 130, 255));
    CHECK(cv::norm(resize_antialiased(flat, to), expected, cv::NORM_INF) == 0);
  }
}
