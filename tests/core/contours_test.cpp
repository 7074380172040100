#include "persense/detail/contours.hpp"

#include <opencv2/imgproc.hpp>

#include "catch.hpp"
#include "inputs.hpp"

using namespace persense;
using namespace persense::detail;
using persense::testing::Random;

namespace {

enum class Spans { whole_rows, tight_runs };

SparseBinaryImage sparse_image(const cv::Mat& binary, Spans spans) {
  SparseBinaryImage image({binary.cols, binary.rows});
  RowSpans rows;
  for (int y = 0; y < binary.rows; ++y) {
    const std::uint8_t* in = binary.ptr(y);
    for (int x = 0; x < binary.cols; ++x) image.row(y)[x] = in[x] != 0;
    if (spans == Spans::whole_rows) rows.spans.push_back({0, binary.cols});
    for (int x = 0; spans == Spans::tight_runs && x < binary.cols; ++x) {
      const int begin = x;
      while (x < binary.cols && in[x] != 0) ++x;
      if (begin < x) rows.spans.push_back({begin, x});
    }
    rows.finish_row();
  }
  image.add_rows(rows);
  return image;
}

std::vector<Point> sorted(std::vector<Point> points) {
  std::sort(points.begin(), points.end());
  return points;
}

/// What differs between OpenCV's contour and ours; "" when nothing does.
std::string difference(const std::vector<cv::Point>& expected, const OuterContour& got) {
  std::vector<Point> points;
  for (const cv::Point p : expected) points.push_back({p.x, p.y});
  if (sorted(points) != sorted(got.points)) return "points";
  if (cv::contourArea(expected) != got.area()) return "area";
  const cv::Rect r = cv::boundingRect(expected);
  if (got.box != PixelBox{r.x, r.y, r.x + r.width, r.y + r.height}) return "box";
  const cv::Moments moments = cv::moments(expected);
  // OpenCV multiplies an exact integer by the rounded double 1/6
  const auto near = [](double a, std::int64_t sixfold) {
    return std::abs(6 * a - static_cast<double>(sixfold)) <=
           1e-12 * static_cast<double>(std::abs(sixfold));
  };
  if (!near(moments.m10, got.moment_x6)) return "moment_x6";
  if (!near(moments.m01, got.moment_y6)) return "moment_y6";
  return "";
}

/// Compares all contours of an image with OpenCV's, which come in the opposite order.
std::string difference_from_opencv(const cv::Mat& binary, Spans spans) {
  std::vector<std::vector<cv::Point>> expected;
  cv::findContours(binary.clone(), expected, cv::RETR_EXTERNAL, cv::CHAIN_APPROX_NONE);
  auto image = sparse_image(binary, spans);
  const auto got = outer_contours(image);
  if (got.size() != expected.size())
    return fmt::format("{} contours, expected {}", got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    const auto what = difference(expected[expected.size() - 1 - i], got[i]);
    if (!what.empty()) return fmt::format("contour {}: {}", i, what);
  }
  return "";
}

void check_against_opencv(const cv::Mat& binary) {
  CHECK(difference_from_opencv(binary, Spans::whole_rows) == "");
  CHECK(difference_from_opencv(binary, Spans::tight_runs) == "");
}

cv::Mat noise(Random& random, Size size, float density) {
  cv::Mat image(size.height, size.width, CV_8UC1);
  for (int y = 0; y < image.rows; ++y)
    for (int x = 0; x < image.cols; ++x) image.at<std::uint8_t>(y, x) = random.chance(density);
  return image;
}

cv::Point anywhere(Random& random, const cv::Mat& image) {
  return {random.integer(-5, image.cols + 5), random.integer(-5, image.rows + 5)};
}

}  // namespace

TEST_CASE("outer_contours: equal OpenCV's external contours on noise of every density",
          "[contours]") {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    Random random(seed);
    const Size size{random.integer(1, 40), random.integer(1, 40)};
    INFO("seed " << seed);
    check_against_opencv(noise(random, size, random.real(0.02f, 0.98f)));
  }
}

TEST_CASE("outer_contours: equal OpenCV's on blobs with holes and islands inside holes",
          "[contours]") {
  for (std::uint32_t seed = 0; seed < 100; ++seed) {
    Random random(seed);
    cv::Mat image = cv::Mat::zeros(random.integer(20, 90), random.integer(20, 90), CV_8UC1);
    for (int i = 0; i < 6; ++i) {
      // nested rings: blob, hole, island, hole in the island; some reach over the border
      const cv::Point center = anywhere(random, image);
      const int radius = random.integer(3, 25);
      for (int ring = 0; ring < 4; ++ring)
        cv::circle(image, center, radius * (4 - ring) / 4, ring % 2 == 0 ? 1 : 0, cv::FILLED);
    }
    INFO("seed " << seed);
    check_against_opencv(image);
  }
}

TEST_CASE("outer_contours: equal OpenCV's on lines one pixel wide", "[contours]") {
  for (std::uint32_t seed = 0; seed < 100; ++seed) {
    Random random(seed);
    cv::Mat image = cv::Mat::zeros(random.integer(5, 60), random.integer(5, 60), CV_8UC1);
    for (int i = random.integer(1, 8); i > 0; --i)
      cv::line(image, anywhere(random, image), anywhere(random, image), 1);
    INFO("seed " << seed);
    check_against_opencv(image);
  }
}

TEST_CASE("outer_contours: equal OpenCV's on the smallest, empty and full images", "[contours]") {
  for (const Size size : {Size{1, 1}, Size{2, 1}, Size{1, 2}, Size{2, 2}, Size{1, 37}, Size{53, 1},
                          Size{3, 3}, Size{64, 48}}) {
    INFO(size.width << " x " << size.height);
    check_against_opencv(cv::Mat::zeros(size.height, size.width, CV_8UC1));
    check_against_opencv(cv::Mat::ones(size.height, size.width, CV_8UC1));
    for (std::uint32_t seed = 0; seed < 20; ++seed) {
      Random random(seed);
      check_against_opencv(noise(random, size, 0.6f));
    }
  }
}

TEST_CASE("outer_contours: single pixels and straight lines have no area and lie on themselves",
          "[contours]") {
  cv::Mat image = cv::Mat::zeros(9, 12, CV_8UC1);
  image.at<std::uint8_t>(1, 2) = 1;
  image(cv::Rect(4, 5, 6, 1)) = 1;
  auto sparse = sparse_image(image, Spans::whole_rows);
  const auto contours = outer_contours(sparse);
  REQUIRE(contours.size() == 2);
  CHECK(contours[0].area2 == 0);
  CHECK(contours[0].points == std::vector<Point>{{2, 1}});
  CHECK(contours[0].box == PixelBox{2, 1, 3, 2});
  CHECK(contours[1].area2 == 0);
  CHECK(contours[1].box == PixelBox{4, 5, 10, 6});
}

TEST_CASE("outer_contours: a shape moved by (dx, dy) has its moments moved by area times the way",
          "[contours]") {
  cv::Mat shape = cv::Mat::zeros(60, 80, CV_8UC1);
  cv::ellipse(shape, {20, 18}, {12, 7}, 30, 0, 360, 1, cv::FILLED);
  cv::Mat moved = cv::Mat::zeros(60, 80, CV_8UC1);
  shape(cv::Rect(0, 0, 40, 40)).copyTo(moved(cv::Rect(37, 19, 40, 40)));
  auto a = sparse_image(shape, Spans::whole_rows), b = sparse_image(moved, Spans::whole_rows);
  const auto before = outer_contours(a).at(0), after = outer_contours(b).at(0);
  CHECK(after.area2 == before.area2);
  CHECK(after.moment_x6 == before.moment_x6 + 3 * before.area2 * 37);
  CHECK(after.moment_y6 == before.moment_y6 + 3 * before.area2 * 19);
}
