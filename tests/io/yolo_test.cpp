#include "persense/io/yolo.hpp"

#include <sstream>

#include "catch.hpp"
#include "persense/error.hpp"
#include "shapes.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace persense;
using namespace persense::test;

namespace {

struct Line {
  int index = -1;
  std::vector<double> values;
};

std::vector<Line> lines_of(const std::string& text) {
  std::vector<Line> lines;
  std::istringstream all(text);
  for (std::string each; std::getline(all, each);) {
    std::istringstream numbers(each);
    Line& line = lines.emplace_back();
    numbers >> line.index;
    for (double value; numbers >> value;) line.values.push_back(value);
    CHECK(numbers.eof());
  }
  return lines;
}

Corners polygon_in(const Line& line, Size size) {
  Corners corners;
  for (std::size_t i = 0; i + 1 < line.values.size(); i += 2)
    corners.emplace_back(line.values[i] * size.width, line.values[i + 1] * size.height);
  return corners;
}

io::YoloOptions exactly() {
  io::YoloOptions options;
  options.tolerance = 0;
  return options;
}

io::YoloOptions as_boxes() {
  io::YoloOptions options;
  options.shapes = io::YoloShapes::boxes;
  return options;
}

double overlap(const cv::Mat1b& a, const cv::Mat1b& b) {
  return static_cast<double>(cv::countNonZero(a & b)) / cv::countNonZero(a | b);
}

/// The pixels of a mask and of its holes.
cv::Mat1b without_holes(const Mask& mask, Size size) {
  cv::Mat1b bits = spread(mask, size);
  std::vector<std::vector<cv::Point>> borders;
  cv::findContours(bits, borders, cv::RETR_EXTERNAL, cv::CHAIN_APPROX_NONE);
  cv::drawContours(bits, borders, -1, cv::Scalar(255), cv::FILLED);
  return bits;
}

}  // namespace

TEST_CASE("to_yolo: corners are parts of the image's width and height", "[io][yolo]") {
  const Result pixel = result_of({drawn({3, 4}, {"#"})}, {10, 8});
  CHECK(io::to_yolo(pixel) ==
        "0 0.300000 0.500000 0.400000 0.500000 0.400000 0.625000 0.300000 0.625000\n");
  CHECK(io::to_yolo(pixel, as_boxes()) == "0 0.350000 0.562500 0.100000 0.125000\n");
  const Result all = result_of({drawn({0, 0}, {"##", "##"})}, {2, 2});
  CHECK(io::to_yolo(all, as_boxes()) == "0 0.500000 0.500000 1.000000 1.000000\n");
  const auto lines = lines_of(io::to_yolo(all));
  for (const double value : lines[0].values) CHECK((value == 0 || value == 1));
}

TEST_CASE(
    "to_yolo: without tolerance a polygon holds the mask's pixels and its holes', of all parts",
    "[io][yolo]") {
  for (const Result& result : {hard_shapes(), result_of(noise(300))}) {
    const auto lines = lines_of(io::to_yolo(result, exactly()));
    REQUIRE(lines.size() == result.count());
    for (std::size_t i = 0; i < lines.size(); ++i)
      CHECK(same(filled({polygon_in(lines[i], result.image_size)}, result.image_size),
                 without_holes(result.instances[i].mask, result.image_size)));
  }
}

TEST_CASE("to_yolo: with its tolerance a polygon has fewer corners and nearly the same pixels",
          "[io][yolo]") {
  const Result result = three_discs();
  const auto exact = lines_of(io::to_yolo(result, exactly()));
  const auto lines = lines_of(io::to_yolo(result));
  for (std::size_t i = 0; i < result.count(); ++i) {
    CHECK(lines[i].values.size() < exact[i].values.size());
    CHECK(overlap(filled({polygon_in(lines[i], result.image_size)}, result.image_size),
                  spread(result.instances[i].mask, result.image_size)) > 0.95);
  }
}

TEST_CASE("to_yolo: boxes are the masks' boxes, by centre and size", "[io][yolo]") {
  const Result result = hard_shapes();
  const auto lines = lines_of(io::to_yolo(result, as_boxes()));
  REQUIRE(lines.size() == result.count());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const PixelBox& box = result.instances[i].mask.box;
    REQUIRE(lines[i].values.size() == 4);
    const double x = lines[i].values[0] * 40, y = lines[i].values[1] * 30;
    CHECK(x == Approx((box.x0 + box.x1) / 2.0).margin(1e-4));
    CHECK(y == Approx((box.y0 + box.y1) / 2.0).margin(1e-4));
    CHECK(lines[i].values[2] * 40 == Approx(box.width()).margin(1e-4));
    CHECK(lines[i].values[3] * 30 == Approx(box.height()).margin(1e-4));
  }
}

TEST_CASE("to_yolo: classes count from 0, nothing found is an empty file", "[io][yolo]") {
  const Scratch scratch;
  const auto lines = lines_of(io::to_yolo(two_classes()));
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].index == 0);
  CHECK(lines[1].index == 1);
  CHECK(lines[2].index == 0);
  io::write_yolo(scratch / "none.txt", result_of({Mask{}}));
  CHECK(fs::file_size(scratch / "none.txt") == 0);
  CHECK_THROWS_AS(io::write_yolo(scratch / "no/a.txt", result_of({})), Unwritable);
}

TEST_CASE("yolo_data: names by class, whatever is in them, and where the images are",
          "[io][yolo]") {
  const std::vector<std::string> names{"bean", "\"no\": #1"}, images{"../images", "../more"};
  CHECK_THAT(io::yolo_data(names, images),
             ContainsSubstring("train: [\"../images\", \"../more\"]\n") &&
                 ContainsSubstring("\nval: [\"../images\", \"../more\"]") &&
                 ContainsSubstring("names:\n  0: \"bean\"\n  1: \"\\\"no\\\": #1\"\n"));
}
