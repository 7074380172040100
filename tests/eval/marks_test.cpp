#include "persense/detail/marks.hpp"
#include "persense/eval/marks.hpp"

#include <opencv2/imgproc.hpp>

#include "catch.hpp"
#include "message_of.hpp"

using namespace persense;
using eval::MarkKind;
using persense::testing::message_of;

namespace {

/// A disc and, in a corner, a speck of another object.
cv::Mat disc_and_speck() {
  cv::Mat mask = cv::Mat::zeros(60, 90, CV_8UC1);
  cv::circle(mask, {40, 30}, 12, cv::Scalar(255), cv::FILLED);
  mask.at<std::uint8_t>(59, 89) = 1;
  return mask;
}

}  // namespace

TEST_CASE("make_mark: the mask stays as it is", "[eval][marks]") {
  const cv::Mat mask = disc_and_speck();
  const auto made = eval::make_mark(MaskView(mask), MarkKind::mask);
  CHECK(std::get<MaskView>(made.mark).data == mask.data);
}

TEST_CASE("make_mark: boxes are tight around the largest part", "[eval][marks]") {
  const cv::Mat mask = disc_and_speck();
  CHECK(std::get<Box>(eval::make_mark(MaskView(mask), MarkKind::box).mark) == Box{28, 18, 53, 43});
  const auto filled = eval::make_mark(MaskView(mask), MarkKind::filled_box);
  const cv::Mat view = std::get<MaskView>(filled.mark).mat();
  CHECK(cv::countNonZero(view) == 25 * 25);
  CHECK(cv::countNonZero(view(cv::Rect(28, 18, 25, 25))) == 25 * 25);
}

TEST_CASE("make_mark: the point lies deepest inside", "[eval][marks]") {
  const cv::Mat mask = disc_and_speck();
  CHECK(std::get<Point>(eval::make_mark(MaskView(mask), MarkKind::point).mark) == Point{40, 30});
  // a ring has no pixel in its middle
  cv::Mat ring = cv::Mat::zeros(60, 90, CV_8UC1);
  cv::circle(ring, {40, 30}, 20, cv::Scalar(255), 7);
  const Point p = std::get<Point>(eval::make_mark(MaskView(ring), MarkKind::point).mark);
  CHECK(ring.at<std::uint8_t>(p.y, p.x) != 0);
  // the border of the image bounds an object
  cv::Mat cut = cv::Mat::zeros(60, 90, CV_8UC1);
  cut(cv::Rect(0, 20, 11, 21)) = 255;
  CHECK(std::get<Point>(eval::make_mark(MaskView(cut), MarkKind::point).mark).x == 5);
}

TEST_CASE("make_mark: the outline's mask is the mask, however thin the object", "[eval][marks]") {
  cv::Mat line = cv::Mat::zeros(60, 90, CV_8UC1);
  cv::line(line, {5, 5}, {70, 40}, cv::Scalar(255), 1, cv::LINE_4);
  cv::Mat pixel = cv::Mat::zeros(60, 90, CV_8UC1);
  pixel.at<std::uint8_t>(7, 9) = 255;
  cv::Mat disc = disc_and_speck();
  disc.at<std::uint8_t>(59, 89) = 0;
  for (const cv::Mat& mask : {disc, line, pixel}) {
    const auto made = eval::make_mark(MaskView(mask), MarkKind::polygon);
    const cv::Mat again = detail::mask_of(std::get<Polygon>(made.mark), {90, 60});
    CHECK(cv::countNonZero(again != mask) == 0);
  }
}

TEST_CASE("make_mark: an empty mask and an unknown kind are refused", "[eval][marks][errors]") {
  const cv::Mat none = cv::Mat::zeros(6, 9, CV_8UC1);
  for (const MarkKind kind : {MarkKind::box, MarkKind::point, MarkKind::polygon})
    CHECK(message_of<InvalidArgument>([&] { eval::make_mark(MaskView(none), kind); }) ==
          "support mask: no pixel is set, expected the pixels of one object");
  CHECK(eval::mark_kind("filled-box") == MarkKind::filled_box);
  CHECK(message_of<InvalidArgument>([] { eval::mark_kind("scribble"); }) ==
        "mark: got \"scribble\", expected mask, box, filled-box, point or polygon");
}

TEST_CASE("typical_objects: whole ones, at even steps through their areas", "[eval][marks]") {
  cv::Mat labels = cv::Mat::zeros(40, 200, CV_32SC1);
  const auto square = [&](int label, int x, int y, int side) {
    labels(cv::Rect(x, y, side, side)) = label;
  };
  square(9, 0, 0, 30);  // cut off by the border
  const int sides[] = {11, 3, 9, 5, 7};
  for (int i = 0; i < 5; ++i) square(i + 1, 40 + 20 * i, 5, sides[i]);
  const auto areas_of = [&](int count) {
    std::vector<int> areas;
    for (const cv::Mat& mask : eval::typical_objects(labels, count))
      areas.push_back(cv::countNonZero(mask));
    return areas;
  };
  CHECK(areas_of(1) == std::vector{49});
  CHECK(areas_of(3) == std::vector{25, 49, 81});
  CHECK(areas_of(99).size() == 5);
  labels = cv::Mat::zeros(40, 200, CV_32SC1);
  CHECK(areas_of(2).empty());
  square(9, 0, 0, 30);
  CHECK(areas_of(2) == std::vector{900});
}
