#include "persense/models/countr_frames.hpp"

#include <limits>
#include <numeric>
#include <opencv2/imgproc.hpp>

#include "catch.hpp"
#include "inputs.hpp"

using namespace persense;
using Catch::Matchers::ContainsSubstring;
using persense::testing::message_of;
using persense::testing::Random;

namespace {

/// Answers what it sees in the red channel.
FloatMap echo(const Planes& windows, const Planes&) {
  FloatMap answer(windows.count * countr::side, countr::side);
  for (int i = 0; i < windows.count; ++i)
    answer.middleRows(i * countr::side, countr::side) = windows.map(i, 0);
  return answer;
}

cv::Mat noise(Size size, std::uint32_t seed) {
  Random random(seed);
  cv::Mat image(size.height, size.width, CV_8UC3);
  for (int y = 0; y < size.height; ++y)
    for (int i = 0; i < 3 * size.width; ++i)
      image.ptr(y)[i] = static_cast<std::uint8_t>(random.integer(0, 255));
  return image;
}

/// White discs on black.
cv::Mat discs(Size size, const std::vector<Point>& centers, int radius) {
  cv::Mat image = cv::Mat::zeros(size.height, size.width, CV_8UC3);
  for (const Point p : centers) cv::circle(image, {p.x, p.y}, radius, {255, 255, 255}, cv::FILLED);
  return image;
}

Box box_around(Point p, float radius) {
  const auto x = static_cast<float>(p.x), y = static_cast<float>(p.y);
  return {x - radius, y - radius, x + radius + 1, y + radius + 1};
}

countr::Options with(Rules rules) {
  countr::Options options;
  options.rules = rules;
  return options;
}

/// A frame without exemplars around a red channel.
countr::Frame frame_of(const FloatMap& red) {
  countr::Frame frame;
  frame.inner = size_of(red);
  frame.image = Planes(1, 3, frame.inner);
  frame.image.map(0, 0) = red;
  return frame;
}

double sum_of(const FloatMap& map) { return map.cast<double>().sum(); }

Point brightest(const FloatMap& map) {
  Eigen::Index y = 0, x = 0;
  map.maxCoeff(&y, &x);
  return {static_cast<int>(x), static_cast<int>(y)};
}

}  // namespace

TEST_CASE("countr: windows start at 0, step by 128, end flush right and leave no column out",
          "[countr]") {
  for (int width = 384; width < 1600; width += 16) {
    const auto starts = countr::detail::window_starts(width);
    INFO("width " << width);
    CHECK(starts.front() == 0);
    CHECK(starts.back() == width - 384);
    for (std::size_t i = 0; i + 1 < starts.size(); ++i) {
      CHECK(starts[i + 1] > starts[i]);
      CHECK(starts[i + 1] - starts[i] <= 128);
    }
  }
}

TEST_CASE("countr: windows that agree leave no seam", "[countr]") {
  const auto image = noise({900, 384}, 1);
  for (const Rules rules : {Rules::paper, Rules::reference}) {
    const auto frame = countr::make_frame(ImageView::of_rgb(image), {}, with(rules));
    const auto map = countr::density(frame, with(rules), echo);
    const FloatMap red = frame.image.map(0, 0);
    REQUIRE(map.rows() == 384);
    REQUIRE(map.cols() == red.cols());
    CHECK(sum_of(map) == Approx(sum_of(red) / 60));
    // the mean of up to three equal values is one rounding off
    CHECK((map * 60 - red).abs().maxCoeff() < 1e-6f);
  }
}

TEST_CASE("countr: overlapping windows count equally by the paper, by halves in the released code",
          "[countr]") {
  int calls = 0;
  const auto numbered = [&](const Planes& windows, const Planes&) -> FloatMap {
    FloatMap answer(windows.count * 384, 384);
    for (int i = 0; i < windows.count; ++i)
      answer.middleRows(i * 384, 384) = static_cast<float>(++calls);
    return answer;
  };
  const auto frame = frame_of(FloatMap::Zero(384, 640));  // windows at 0, 128 and 256
  const auto value_at = [&](Rules rules, int x) {
    calls = 0;
    return 60 * countr::density(frame, with(rules), numbered)(100, x);
  };
  CHECK(value_at(Rules::paper, 127) == Approx(1));
  CHECK(value_at(Rules::paper, 128) == Approx(1.5));
  CHECK(value_at(Rules::paper, 256) == Approx(2));  // of 1, 2 and 3
  CHECK(value_at(Rules::paper, 384) == Approx(2.5));
  CHECK(value_at(Rules::paper, 512) == Approx(3));
  CHECK(value_at(Rules::reference, 127) == Approx(1));
  CHECK(value_at(Rules::reference, 256) == Approx(2.25));  // ((1 + 2) / 2 + 3) / 2
  CHECK(value_at(Rules::reference, 512) == Approx(3));
}

TEST_CASE("countr: how many windows are run at once changes nothing", "[countr]") {
  auto image = noise({1000, 300}, 2);
  const std::vector<Box> tiny_one{{500, 100, 503, 103}};
  for (const Rules rules : {Rules::paper, Rules::reference}) {
    auto options = with(rules);
    options.batch = 1;
    const auto frame = countr::make_frame(ImageView::of_rgb(image), tiny_one, options);
    const auto one_by_one = countr::density(frame, options, echo);
    for (const int batch : {2, 7, 1000}) {
      options.batch = batch;
      CHECK((countr::density(frame, options, echo) == one_by_one).all());
    }
  }
}

TEST_CASE("countr: a shifted scene has the same crops and the shifted map", "[countr]") {
  const Point at{100, 120}, there{164, 200};
  const Size size{384, 384};
  for (const Rules rules : {Rules::paper, Rules::reference}) {
    const auto here_image = discs(size, {at, {at.x + 80, at.y}}, 15);
    const auto there_image = discs(size, {there, {there.x + 80, there.y}}, 15);
    const std::vector<Box> here_box{box_around(at, 16)}, there_box{box_around(there, 16)};
    const auto here = countr::make_frame(ImageView::of_rgb(here_image), here_box, with(rules));
    const auto moved = countr::make_frame(ImageView::of_rgb(there_image), there_box, with(rules));
    CHECK(here.crops.values == moved.crops.values);
    const auto map = countr::density(here, with(rules), echo);
    const auto moved_map = countr::density(moved, with(rules), echo);
    CHECK((map.block(50, 50, 200, 250) == moved_map.block(130, 114, 200, 250)).all());
    CHECK(sum_of(map) == Approx(sum_of(moved_map)));
  }
}

TEST_CASE("countr: the order of exemplars changes their crops' order alone", "[countr]") {
  const auto image = noise({300, 400}, 3);
  const std::vector<Box> boxes{{10, 20, 60, 80}, {100, 200, 140, 230}, {250, 300, 299, 380}};
  const std::vector<Box> turned{boxes[2], boxes[0], boxes[1]};
  const auto a = countr::make_frame(ImageView::of_rgb(image), boxes);
  const auto b = countr::make_frame(ImageView::of_rgb(image), turned);
  for (int i = 0; i < 3; ++i) {
    CHECK(b.exemplars[static_cast<std::size_t>((i + 1) % 3)] ==
          a.exemplars[static_cast<std::size_t>(i)]);
    CHECK((b.crops.map((i + 1) % 3, 1) == a.crops.map(i, 1)).all());
  }
  const auto map = countr::density(a, {}, echo), turned_map = countr::density(b, {}, echo);
  CHECK((map - turned_map).abs().maxCoeff() < 1e-6f);  // exemplars are summed in another order
}

TEST_CASE(
    "countr: in a narrow image crops show the exemplar by the paper, beside it in the "
    "released code",
    "[countr]") {
  const Point at{40, 150};
  const auto image = discs({96, 384}, {at}, 20);
  const std::vector<Box> boxes{box_around(at, 14)};  // inside the disc
  const auto paper = countr::make_frame(ImageView::of_rgb(image), boxes, with(Rules::paper));
  CHECK(paper.padding == 144);
  CHECK(paper.crops.map(0, 0).minCoeff() > 0.99f);  // rounding of the filter's weights
  const auto reference =
      countr::make_frame(ImageView::of_rgb(image), boxes, with(Rules::reference));
  CHECK(reference.crops.map(0, 0).maxCoeff() == 0.0f);  // of the padding
  const auto map = countr::density(paper, with(Rules::paper), echo);
  CHECK(map.cols() == 96);
  CHECK(map(150, 40) == map.maxCoeff());
}

TEST_CASE(
    "countr: a tiny exemplar brings a map three times as fine, whole by the paper, of the "
    "last part in the released code",
    "[countr]") {
  const Point first{60, 70}, second{370, 330};
  cv::Mat image = discs({400, 384}, {first, second}, 3);
  cv::circle(image, {first.x, first.y}, 3, {128, 128, 128}, cv::FILLED);
  const std::vector<Box> boxes{box_around(first, 3)};
  const auto map_by = [&](Rules rules) {
    auto options = with(rules);
    options.unit = 6000;  // so that the exemplar is less than one object
    return countr::density(countr::make_frame(ImageView::of_rgb(image), boxes, options), options,
                           echo);
  };
  const auto paper = map_by(Rules::paper), reference = map_by(Rules::reference);
  REQUIRE(size_of(paper) == Size{1200, 1152});
  // a disc's brightest pixels are within its radius, three times as large; parts begin on whole
  // pixels
  CHECK(std::abs(brightest(paper).x - 3 * second.x) <= 11);
  CHECK(std::abs(brightest(paper).y - 3 * second.y) <= 11);
  CHECK(paper(3 * first.y + 1, 3 * first.x + 1) > 0.4f * paper.maxCoeff());
  REQUIRE(size_of(reference) == Size{400, 384});
  CHECK(std::abs(brightest(reference).x - 3 * (second.x - 266)) <= 11);
  CHECK(std::abs(brightest(reference).y - 3 * (second.y - 256)) <= 11);
  CHECK(reference(first.y, first.x) == 0.0f);
  // both count all nine parts; of 400 columns the released code enlarges three times 133, we also
  // 134, so that the last disc is 1 % narrower
  CHECK(sum_of(reference) == Approx(sum_of(paper)).epsilon(0.01));
}

TEST_CASE("countr: exemplars answered by more than 1.8 objects each lower the count", "[countr]") {
  // 0.12 objects a pixel: 30 x 30 pixels hold 108
  const FloatMap flat = FloatMap::Constant(384, 384, 0.12f * 60);
  auto frame = frame_of(flat);
  frame.image.map(0, 0)(0, 0) += 1e-3f;  // some contrast
  const double all = sum_of(frame.image.map(0, 0)) / 60;
  const auto count = [&](Rules rules) { return sum_of(countr::density(frame, with(rules), echo)); };
  CHECK(count(Rules::paper) == Approx(all));
  frame.exemplars = {{10, 10, 40, 40}};
  CHECK(count(Rules::paper) == Approx(all / 108).epsilon(1e-4));
  CHECK(count(Rules::reference) == Approx(all / 36).epsilon(1e-4));  // divides by 3 always
  frame.exemplars.assign(3, {10, 10, 40, 40});
  CHECK(count(Rules::reference) == Approx(all / 108).epsilon(1e-4));
  frame.exemplars = {{10, 10, 25, 11}};  // exactly 15 pixels: 1.8 objects, some roundings off
  frame.image.map(0, 0) *= 0.99f;
  CHECK(count(Rules::paper) == Approx(all * 0.99));
}

TEST_CASE("countr: a map without contrast is constant and keeps its count", "[countr]") {
  for (const Rules rules : {Rules::paper, Rules::reference})
    for (const float value : {0.0f, 0.3f, -0.3f, std::numeric_limits<float>::denorm_min()}) {
      const auto frame = frame_of(FloatMap::Constant(384, 400, value));
      const auto map = countr::density(frame, with(rules), echo);
      INFO("value " << value);
      CHECK(map.minCoeff() == map.maxCoeff());
      CHECK(sum_of(map) == Approx(std::max(0.0, value * 384.0 * 400.0 / 60)).margin(1e-30));
    }
}

TEST_CASE("countr: negative responses give a map that is nowhere negative", "[countr]") {
  Random random(5);
  FloatMap red(384, 384);
  for (auto& v : red.reshaped()) v = random.real(-0.1f, 1.0f);
  const double count = sum_of(red) / 60;
  for (const Rules rules : {Rules::paper, Rules::reference}) {
    const auto map = countr::density(frame_of(red), with(rules), echo);
    CHECK(map.minCoeff() == 0.0f);
    CHECK(sum_of(map) == Approx(count));
  }
  // the released code normalises by minimum and maximum: so does a map that is moved and scaled
  const auto map = countr::density(frame_of(red), with(Rules::reference), echo);
  const FloatMap expected = (red - red.minCoeff()) / (red.maxCoeff() - red.minCoeff());
  CHECK((map / map.maxCoeff() - expected).abs().maxCoeff() < 1e-6f);
  const auto none = countr::density(frame_of(-red), with(Rules::paper), echo);
  CHECK((none == 0.0f).all());
}

TEST_CASE("countr: a faint map far below its count stays finite", "[countr]") {
  FloatMap faint = FloatMap::Zero(384, 384);
  faint(3, 4) = 1e-40f;
  const DensityMap map = countr::detail::as_density(faint, 500, Rules::reference);
  CHECK(map(3, 4) == Approx(500));
  CHECK(map.isFinite().all());
}

TEST_CASE("countr: images down to one pixel and boxes that touch the image are taken", "[countr]") {
  for (const Size size : {Size{1, 1}, Size{1, 500}, Size{60, 1}, Size{384, 384}, Size{17, 23}}) {
    const auto image = noise(size, 7);
    const auto w = static_cast<float>(size.width), h = static_cast<float>(size.height);
    const std::vector<Box> boxes{
        {-5, -5, 2 * w, 2 * h}, {0, 0, 0, 0}, {w - 0.5f, h - 0.5f, w, h}, {0.2f, 0.2f, 0.4f, 0.4f}};
    for (const Rules rules : {Rules::paper, Rules::reference}) {
      INFO("image " << to_string(size));
      const auto frame = countr::make_frame(ImageView::of_rgb(image), boxes, with(rules));
      for (const PixelBox& box : frame.exemplars) {
        CHECK_FALSE(box.empty());
        CHECK((box.x0 >= 0 && box.y0 >= 0));
        CHECK((box.x1 <= frame.image.width && box.y1 <= frame.image.height));
      }
      const auto map = countr::density(frame, with(rules), echo);
      CHECK(map.isFinite().all());
      CHECK(map.minCoeff() >= 0.0f);
    }
  }
}

TEST_CASE("countr: input that cannot be framed throws InvalidArgument naming it",
          "[countr][errors]") {
  const auto image = noise({40, 30}, 8);
  const auto message = [](const cv::Mat& picture, const std::vector<Box>& boxes) {
    return message_of<InvalidArgument>(
        [&] { countr::make_frame(ImageView::of_rgb(picture), boxes); });
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK_THAT(message(image, {{50, 2, 60, 9}}), ContainsSubstring("exemplar") &&
                                                   ContainsSubstring("(50, 2, 60, 9)") &&
                                                   ContainsSubstring("40 x 30"));
  CHECK_THAT(message(image, {{5, nan, 6, 9}}), ContainsSubstring("nan"));
  CHECK_THAT(message(image, {{9, 2, 5, 9}}), ContainsSubstring("(9, 2, 5, 9)"));
  CHECK_THAT(message({}, {}), ContainsSubstring("0 x 0"));
  CHECK_THAT(message(noise({650, 10}, 1), {}),
             ContainsSubstring("650 x 10") && ContainsSubstring("64 times"));
}

TEST_CASE("resize_antialiased: a float map is resized as Pillow resizes its 8-bit twin",
          "[planes]") {
  const auto image = noise({157, 90}, 9);
  for (const Size size : {Size{64, 64}, Size{30, 200}, Size{157, 90}, Size{1, 1}}) {
    const cv::Mat pillow = resize_antialiased(image, size);
    Planes planes(1, 3, {157, 90});
    put_pixels(image, {{0, 0, 0}, {1, 1, 1}}, planes, 0);
    for (int c = 0; c < 3; ++c) {
      const FloatMap map = resize_antialiased(planes.map(0, c), size);
      float largest = 0;
      for (int y = 0; y < size.height; ++y)
        for (int x = 0; x < size.width; ++x)
          largest =
              std::max(largest, std::abs(map(y, x) - static_cast<float>(pillow.ptr(y)[3 * x + c])));
      CHECK(largest < 1.01f);  // half a level for each of the two roundings to 8 bits
    }
  }
}

TEST_CASE("put_pixels: scales by channel and leaves the rest of the plane alone", "[planes]") {
  cv::Mat image(2, 3, CV_8UC3, cv::Scalar(10, 20, 30));
  Planes planes(2, 3, {6, 2});
  put_pixels(image, {{1, 2, 3}, {2, 4, 8}}, planes, 1, 2);
  for (int c = 0; c < 3; ++c) {
    CHECK((planes.map(0, c) == 0.0f).all());
    const float expected[] = {9 / 2.0f, 18 / 4.0f, 27 / 8.0f};
    CHECK((planes.map(1, c).middleCols(2, 3) == expected[c]).all());
    CHECK((planes.map(1, c).leftCols(2) == 0.0f).all());
    CHECK((planes.map(1, c).rightCols(1) == 0.0f).all());
  }
}
