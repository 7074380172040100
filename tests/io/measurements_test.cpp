#include "persense/io/measurements.hpp"

#include <numbers>
#include <opencv2/imgproc.hpp>
#include <string>

#include "catch.hpp"
#include "message_of.hpp"
#include "persense/error.hpp"

using namespace persense;
using io::measure;
using io::Measurements;

namespace {

Mask filled(int width, int height, Point at = {0, 0}) {
  return {{at.x, at.y, at.x + width, at.y + height},
          std::vector<std::uint8_t>(static_cast<std::size_t>(width * height), 1)};
}

Mask disc(int radius) {
  cv::Mat image = cv::Mat::zeros(2 * radius + 3, 2 * radius + 3, CV_8UC1);
  cv::circle(image, {radius + 1, radius + 1}, radius, 1, -1);
  return crop_to_box(MaskView(image));
}

}  // namespace

// What scikit-image gives for these masks is compared in the Python tests.
TEST_CASE("measure: a rectangle has its area, sides and direction", "[measurements]") {
  const Measurements m = measure(filled(40, 10, {5, 7}));
  CHECK(m.area == 400);
  CHECK(m.solidity == 1);
  CHECK(m.orientation == Approx(0).margin(1e-9));
  CHECK(m.width == Approx(10));                  // between the outer edges of its pixels
  CHECK(m.length == Approx(std::hypot(40, 9)));  // middles of edges: a corner is not one
  CHECK(m.major_axis == Approx(4 * std::sqrt((40 * 40 - 1) / 12.0)));
  CHECK(m.minor_axis == Approx(4 * std::sqrt((10 * 10 - 1) / 12.0)));
  CHECK(m.perimeter == 2 * (39 + 9));
  CHECK(measure(filled(10, 40)).orientation == Approx(90));
}

TEST_CASE("measure: a disc is round, and its diameter is measured every way", "[measurements]") {
  const Measurements m = measure(disc(40));
  CHECK(m.equivalent_diameter == Approx(80).epsilon(0.01));
  for (const double d : {m.major_axis, m.minor_axis, m.length, m.width})
    CHECK(d == Approx(m.equivalent_diameter).epsilon(0.02));
  CHECK(m.perimeter == Approx(std::numbers::pi * m.equivalent_diameter).epsilon(0.06));
  CHECK(m.circularity > 0.9);
  CHECK(m.circularity <= 1);
  CHECK(m.solidity > 0.98);
}

TEST_CASE("measure: a direction is seen with y upwards", "[measurements]") {
  cv::Mat image = cv::Mat::zeros(100, 100, CV_8UC1);
  cv::line(image, {10, 90}, {90, 10}, 1, 5);  // rises to the right as it is seen
  CHECK(measure(crop_to_box(MaskView(image))).orientation == Approx(45).margin(0.5));
  cv::flip(image, image, 1);
  CHECK(measure(crop_to_box(MaskView(image))).orientation == Approx(-45).margin(0.5));
}

TEST_CASE("measure: one pixel is an object, too", "[measurements]") {
  const Measurements m = measure(filled(1, 1));
  CHECK(m.area == 1);
  CHECK(m.solidity == 1);
  CHECK(m.length == 1);
  CHECK(m.major_axis == 0);
  CHECK(m.circularity == 1);
}

TEST_CASE("measure: a pixel size makes lengths and areas of pixels", "[measurements]") {
  const io::PixelSize pixel = io::parse_pixel_size("0.5mm");
  const Measurements m = measure(filled(40, 10), std::nullopt, pixel);
  CHECK(m.area == 100);
  CHECK(m.width == Approx(5));
  CHECK(m.perimeter == Approx(48));
  CHECK(io::named_values(m, pixel).front().first == "area_mm2");
  CHECK(io::parse_pixel_size("3 um").unit == "um");
  CHECK(io::parse_pixel_size("2").unit == "px");
  for (const char* wrong : {"", "mm", "0mm", "-1mm", "nan", "1 mm,cm", "inf"})
    CHECK_THROWS_AS(io::parse_pixel_size(wrong), InvalidArgument);
  CHECK(testing::message_of<InvalidArgument>([] { io::parse_pixel_size("wide"); }) ==
        "pixel size: got \"wide\", expected a number above 0 and a unit, as 0.12mm");
}

TEST_CASE("measure: brightness is that of the pixels inside", "[measurements]") {
  cv::Mat rgb(20, 20, CV_8UC3, cv::Scalar(200, 0, 9));
  cv::rectangle(rgb, {4, 4, 3, 2}, cv::Scalar(10, 20, 30), -1);
  rgb.at<cv::Vec3b>(4, 4) = {16, 20, 30};
  const Measurements m = measure(filled(3, 2, {4, 4}), ImageView::of_rgb(rgb));
  REQUIRE(m.intensity.size() == 3);
  CHECK(m.intensity[0].mean == 11);
  CHECK(m.intensity[0].min == 10);
  CHECK(m.intensity[0].max == 16);
  CHECK(m.intensity[2].mean == 30);
}

TEST_CASE("measure: an empty mask and one outside of the image are refused", "[measurements]") {
  CHECK_THROWS_AS(measure(Mask{}), InvalidArgument);
  const cv::Mat rgb(20, 20, CV_8UC3, cv::Scalar::all(0));
  CHECK_THROWS_AS(measure(filled(3, 3, {18, 0}), ImageView::of_rgb(rgb)), InvalidArgument);
}

TEST_CASE("measurements_to_csv: a header, and a line of numbers for each instance",
          "[measurements]") {
  const cv::Mat rgb(20, 20, CV_8UC3, cv::Scalar::all(7));
  Result result;
  result.image_size = {20, 20};
  result.classes.resize(1);
  result.instances.push_back({filled(4, 2, {1, 1}), {1, 1, 5, 3}, {2, 2}, 0.5f, 0, false});
  const std::string text =
      io::measurements_to_csv(result, ImageView::of_rgb(rgb), io::parse_pixel_size("2mm"));
  CHECK(text.starts_with("id,x,y,score,class,touches_border,area_mm2,equivalent_diameter_mm,"));
  CHECK(text.find("\n1,2,2,0.5000,object,0,32,") != text.npos);
  CHECK(text.ends_with("7,7,7,7,7,7,7,7,7\n"));
}
