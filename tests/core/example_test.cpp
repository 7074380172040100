// What a user may mark an object with, and what is said of marks that mark nothing.
#include "persense/example.hpp"

#include <limits>
#include <opencv2/core.hpp>

#include "catch.hpp"
#include "inputs.hpp"
#include "persense/detail/marks.hpp"
#include "persense/mask.hpp"

using namespace persense;
using persense::detail::mask_of;
using persense::testing::message_of;
using persense::testing::Random;

namespace {

constexpr Size frame{60, 40};
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

PixelBox box_of(const cv::Mat& mask) { return tight_box(MaskView(mask)); }

bool equal(const cv::Mat& a, const cv::Mat& b) {
  return a.size() == b.size() && cv::countNonZero(a != b) == 0;
}

template <class M>
std::string complaint(const M& mark) {
  return message_of<InvalidArgument>([&] { mask_of(mark, frame); });
}

}  // namespace

TEST_CASE("mask of a polygon: the pixels whose centre lies inside", "[marks]") {
  const cv::Mat square = mask_of(Polygon{{{2, 3}, {6, 3}, {6, 7}, {2, 7}}}, frame);
  CHECK(square.type() == CV_8UC1);
  CHECK(square.size() == cv::Size(60, 40));
  CHECK(box_of(square) == PixelBox{2, 3, 6, 7});
  CHECK(cv::countNonZero(square == 255) == 16);
  // a pixel's centre is at its coordinates and a half; left and upper border belong to the polygon
  CHECK(box_of(mask_of(Polygon{{{2.5f, 3.5f}, {6.5f, 3.5f}, {6.5f, 7.5f}, {2.5f, 7.5f}}}, frame)) ==
        PixelBox{2, 3, 6, 7});
  CHECK(box_of(mask_of(Polygon{{{2.6f, 3.6f}, {6.6f, 3.6f}, {6.6f, 7.6f}, {2.6f, 7.6f}}}, frame)) ==
        PixelBox{3, 4, 7, 8});
}

TEST_CASE("mask of a polygon: where it covers itself twice it is a hole (even-odd)", "[marks]") {
  const cv::Mat once = mask_of(Polygon{{{5, 5}, {25, 5}, {25, 25}, {5, 25}}}, frame);
  const cv::Mat ring = mask_of(Polygon{{{5, 5},
                                        {25, 5},
                                        {25, 25},
                                        {5, 25},
                                        {5, 5},  //
                                        {10, 10},
                                        {20, 10},
                                        {20, 20},
                                        {10, 20},
                                        {10, 10}}},
                               frame);
  CHECK(cv::countNonZero(once) == 400);
  CHECK(cv::countNonZero(ring) == 300);
  CHECK(ring.at<std::uint8_t>(15, 15) == 0);
  CHECK(ring.at<std::uint8_t>(7, 7) == 255);
}

TEST_CASE("mask of a polygon: vertices outside of the image cut nothing else off", "[marks]") {
  CHECK(box_of(mask_of(Polygon{{{-10, -10}, {5, -10}, {5, 5}, {-10, 5}}}, frame)) ==
        PixelBox{0, 0, 5, 5});
  CHECK(box_of(mask_of(Polygon{{{50, 30}, {500, 30}, {500, 300}, {50, 300}}}, frame)) ==
        PixelBox{50, 30, 60, 40});
  const cv::Mat all = mask_of(Polygon{{{-1, -1}, {200, -1}, {200, 200}, {-1, 200}}}, frame);
  CHECK(cv::countNonZero(all) == 60 * 40);
}

TEST_CASE("mask of a polygon: the first vertex, the direction and a closing one change nothing",
          "[marks]") {
  for (std::uint32_t seed = 0; seed < 50; ++seed) {
    Random random(seed);
    std::vector<Vertex> vertices(static_cast<std::size_t>(random.integer(3, 8)));
    for (Vertex& v : vertices) v = {random.real(-10, 70), random.real(-10, 50)};
    vertices[0] = {1, 1}, vertices[1] = {55, 2}, vertices[2] = {30, 38};  // covers something
    const cv::Mat mask = mask_of(Polygon{vertices}, frame);
    auto other = vertices;
    std::rotate(other.begin(), other.begin() + 2, other.end());
    INFO("seed " << seed);
    CHECK(equal(mask_of(Polygon{other}, frame), mask));
    other.push_back(other.front());
    CHECK(equal(mask_of(Polygon{other}, frame), mask));
    std::reverse(other.begin(), other.end());
    CHECK(equal(mask_of(Polygon{other}, frame), mask));
  }
}

TEST_CASE("mask of a polygon: two that share an edge share no pixel and leave none out",
          "[marks]") {
  for (std::uint32_t seed = 0; seed < 50; ++seed) {
    Random random(seed);
    const auto at_half = [&](int most) {
      return 0.5f * static_cast<float>(random.integer(2, 2 * most - 2));
    };
    const Vertex a{at_half(30), 2}, b{at_half(60), 38};  // an edge through many pixels' centres
    const cv::Mat left = mask_of(Polygon{{{0, 2}, a, b, {0, 38}}}, frame);
    const cv::Mat right = mask_of(Polygon{{{60, 2}, {60, 38}, b, a}}, frame);
    INFO("seed " << seed);
    CHECK(cv::countNonZero(left & right) == 0);
    CHECK(cv::countNonZero(left | right) == 60 * 36);
  }
}

TEST_CASE("mask of a polygon: one that marks nothing says why", "[marks][errors]") {
  CHECK(complaint(Polygon{}) == "support polygon: got 0 vertices, expected at least 3");
  CHECK(complaint(Polygon{{{1, 1}, {5, 5}}}) ==
        "support polygon: got 2 vertices, expected at least 3");
  CHECK(complaint(Polygon{{{1, 1}, {5, 5}, {9, 9}}}) ==
        "support polygon: covers no pixel of the image of 60 x 40");
  CHECK(complaint(Polygon{{{100, 100}, {120, 100}, {120, 120}}}) ==
        "support polygon: covers no pixel of the image of 60 x 40");
  CHECK(complaint(Polygon{{{1, 1}, {not_a_number, 3}, {9, 9}}}) ==
        "support polygon: vertex 2 is (nan, 3), expected finite pixel coordinates");
  CHECK(complaint(Polygon{{{1, 1}, {2, -infinity}, {9, 9}}}) ==
        "support polygon: vertex 2 is (2, -inf), expected finite pixel coordinates");
}

TEST_CASE("mask of a label: the pixels with the id", "[marks]") {
  cv::Mat labels = cv::Mat::zeros(frame.height, frame.width, CV_32SC1);
  labels(cv::Rect(3, 4, 5, 6)) = 70000;  // more than 16 bits hold
  labels(cv::Rect(20, 4, 5, 6)) = 2;
  const cv::Mat mask = mask_of(LabelId{labels, 70000}, frame);
  CHECK(mask.type() == CV_8UC1);
  CHECK(box_of(mask) == PixelBox{3, 4, 8, 10});
  CHECK(cv::countNonZero(mask == 255) == 30);
}

TEST_CASE("mask of a label: an id or image that marks nothing says what there is",
          "[marks][errors]") {
  cv::Mat labels = cv::Mat::zeros(frame.height, frame.width, CV_32SC1);
  CHECK(complaint(LabelId{labels, 3}) ==
        "support labels: no pixel has the id 3; the image has only background");
  labels.at<int>(1, 1) = 7;
  labels.at<int>(2, 2) = 4;
  CHECK(complaint(LabelId{labels, 3}) ==
        "support labels: no pixel has the id 3; the image has 4, 7");
  CHECK(complaint(LabelId{labels, 0}) ==
        "support labels: got id 0, which is the background; expected an object");
  for (int i = 0; i < 12; ++i) labels.at<int>(5, i) = 20 + i;
  CHECK(complaint(LabelId{labels, 3}) ==
        "support labels: no pixel has the id 3; the image has 4, 7, 20, 21, 22, 23, 24, 25, 26, "
        "27, ...");
  CHECK(complaint(LabelId{cv::Mat::zeros(30, 50, CV_32SC1), 3}) ==
        "support labels: size 50 x 30, expected the image's 60 x 40");
  CHECK(complaint(LabelId{cv::Mat::zeros(40, 60, CV_16UC1), 3}) ==
        "support labels: got 1 channels of 2 bytes, expected 1 of int32");
  CHECK(complaint(LabelId{{}, 3}) == "support labels: the label image is empty");
}

TEST_CASE("ellipse_in: touches the four sides of a box and covers pi / 4 of it", "[marks]") {
  for (const PixelBox box :
       {PixelBox{5, 5, 45, 35}, PixelBox{10, 3, 31, 36}, PixelBox{2, 2, 9, 9}}) {
    const cv::Mat mask = detail::ellipse_in(static_cast<Box>(box), frame);
    INFO(box);
    CHECK(box_of(mask) == box);
    // the outline passes through about as many pixels as it is long, half of them inside
    CHECK(cv::countNonZero(mask == 255) == Approx(0.785398 * static_cast<double>(box.area()))
                                               .margin(0.5 * (box.width() + box.height())));
  }
}

TEST_CASE("ellipse_in: is cut off at the image's border, and never without a pixel", "[marks]") {
  const cv::Mat quarter = detail::ellipse_in({-20, -10, 20, 10}, frame);
  CHECK(box_of(quarter) == PixelBox{0, 0, 20, 10});
  CHECK(box_of(detail::ellipse_in({3.6f, 4.6f, 3.9f, 4.9f}, frame)) == PixelBox{3, 4, 4, 5});
  CHECK(box_of(detail::ellipse_in({-100, -100, 1, 1}, frame)) == PixelBox{0, 0, 1, 1});
  CHECK(box_of(detail::ellipse_in({59, 39, 200, 200}, frame)) == PixelBox{59, 39, 60, 40});
}

TEST_CASE("a box or a point that marks no pixel says why", "[marks][errors]") {
  const auto box = [](Box b) {
    return message_of<InvalidArgument>([&] { detail::check_box(b, frame); });
  };
  CHECK(box({30, 10, 20, 40}) ==
        "support box: got (30, 10, 20, 40), expected finite x0 < x1 and y0 < y1");
  CHECK(box({30, 10, 30, 40}) ==
        "support box: got (30, 10, 30, 40), expected finite x0 < x1 and y0 < y1");
  CHECK(box({not_a_number, 10, 30, 40}) ==
        "support box: got (nan, 10, 30, 40), expected finite x0 < x1 and y0 < y1");
  CHECK_THAT(box({0, 10, infinity, 40}),
             Catch::Matchers::ContainsSubstring("support box: got (0, 10, inf, 40)"));
  const std::string outside = " lies outside of the image of 60 x 40";
  CHECK(box({60, 5, 70, 20}) == "support box: (60, 5, 70, 20)" + outside);
  CHECK(box({-9, 5, 0, 20}) == "support box: (-9, 5, 0, 20)" + outside);
  CHECK(box({5, 40.5f, 9, 50}) == "support box: (5, 40.5, 9, 50)" + outside);
  CHECK(box({5, -9, 9, 0}) == "support box: (5, -9, 9, 0)" + outside);
  CHECK_NOTHROW(detail::check_box({-9, -9, 100, 100}, frame));
  CHECK_NOTHROW(detail::check_box({59.5f, 39.5f, 70, 70}, frame));

  const auto point = [](Point p) {
    return message_of<InvalidArgument>([&] { detail::check_point(p, frame); });
  };
  CHECK(point({60, 5}) == "support point: (60, 5)" + outside);
  CHECK(point({5, -1}) == "support point: (5, -1)" + outside);
  CHECK_NOTHROW(detail::check_point({59, 39}, frame));
  CHECK_NOTHROW(detail::check_point({0, 0}, frame));
}
