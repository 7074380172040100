#include "persense/eval/dataset_writer.hpp"

#include "../io/scratch.hpp"
#include "catch.hpp"
#include "persense/error.hpp"
#include "persense/eval/dataset.hpp"
#include "persense/eval/truth.hpp"

using namespace persense;
using namespace persense::test;

namespace {

constexpr Size image{60, 40};

Mask rectangle(int x, int y, int width, int height) {
  cv::Mat mask = cv::Mat::zeros(image.height, image.width, CV_8UC1);
  mask(cv::Rect(x, y, width, height)) = 255;
  return crop_to_box(MaskView(mask));
}

io::ImageFile picture() {
  return io::image_beside_masks(io::encode_png(cv::Mat(40, 60, CV_8UC3, cv::Scalar(9, 80, 200))),
                                "a.png");
}

}  // namespace

TEST_CASE("labels_of: labels are in the objects' order, a shared pixel is the smaller one's",
          "[eval][dataset]") {
  const std::vector<Mask> objects = {rectangle(10, 10, 4, 4), rectangle(8, 8, 20, 20)};
  const cv::Mat labels = eval::labels_of(objects, image);
  CHECK(labels.size() == cv::Size(60, 40));
  CHECK(cv::countNonZero(labels == 1) == 16);
  CHECK(cv::countNonZero(labels == 2) == 400 - 16);
}

TEST_CASE("typical_area: the median of the objects that the border does not cut",
          "[eval][dataset]") {
  const std::vector<Mask> objects = {rectangle(0, 10, 4, 4), rectangle(10, 10, 2, 2),
                                     rectangle(20, 10, 3, 3), rectangle(30, 10, 5, 5)};
  CHECK(eval::typical_area(objects, image) == 9);
  CHECK(eval::typical_area(std::span(objects).first(1), image) == 16);
  CHECK(eval::typical_area({}, image) == 0);
}

TEST_CASE("choose_support: the image whose typical object is most like the class's",
          "[eval][dataset]") {
  const std::vector<std::int64_t> areas = {10, 400, 110, 100, 105};
  CHECK(eval::choose_support(areas) == 4);
  CHECK(eval::choose_support(std::vector<std::int64_t>{50, 50}) == 0);
}

TEST_CASE("ClassWriter: what it writes is what open_dataset reads", "[eval][dataset]") {
  const Scratch scratch;
  const eval::ClassWriter writer(scratch / "bean", 120);
  const std::vector<Mask> objects = {rectangle(10, 10, 4, 4), rectangle(20, 10, 3, 5),
                                     rectangle(30, 10, 2, 2)};
  const cv::Mat labels = eval::labels_of(objects, image);
  CHECK(writer.write_support(picture(), labels) == 2);
  CHECK(writer.write_query(7, picture(), labels) == "007");
  const auto dataset = eval::open_dataset(scratch.path());
  REQUIRE(dataset.classes.size() == 1);
  CHECK(dataset.classes[0].name == "bean");
  CHECK(cv::countNonZero(eval::support_mask(dataset.classes[0].supports[0])) == 15);
  REQUIRE(dataset.classes[0].queries.size() == 1);
  const auto truth = eval::read_truth(dataset.classes[0].queries[0]);
  CHECK(cv::countNonZero(truth.labels != labels) == 0);
  CHECK(io::read_image(dataset.classes[0].queries[0].image).mat().at<cv::Vec3b>(5, 5) ==
        cv::Vec3b(9, 80, 200));
  const std::string nothing = message_of<InvalidArgument>(
      [&] { writer.write_support(picture(), cv::Mat::zeros(40, 60, CV_32SC1)); });
  CHECK_THAT(nothing, Catch::Matchers::EndsWith("its support has no object, expected one or more"));
}
