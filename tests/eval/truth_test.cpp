#include "persense/eval/truth.hpp"

#include <opencv2/imgcodecs.hpp>

#include "../io/scratch.hpp"
#include "annotation_files.hpp"
#include "catch.hpp"
#include "persense/error.hpp"

using Catch::Matchers::EndsWith;
using namespace persense;
using namespace persense::test;

namespace {

Mask square(int x, int y, int side) {
  return {{x, y, x + side, y + side},
          std::vector<std::uint8_t>(static_cast<std::size_t>(side) * side, 1)};
}

Result result_of(const std::vector<Mask>& masks, Size size) {
  Result result;
  result.image_size = size;
  for (const Mask& mask : masks) {
    Instance instance;
    instance.mask = mask;
    instance.score = 0.9f;
    result.instances.push_back(instance);
  }
  return result;
}

}  // namespace

TEST_CASE("score: label images and annotations of the same objects score the same",
          "[eval][truth]") {
  const Scratch scratch;
  put_text(scratch / "coco.json", squares(1, 1, [](int, int) { return true; }).dump());
  eval::DatasetQuery annotated{"1", scratch / "1.png"};
  annotated.annotated = {eval::AnnotationFile::open(scratch / "coco.json"), {0, 1}};
  cv::Mat labels = cv::Mat::zeros(30, 40, CV_16U);
  labels(cv::Rect(2, 2, 10, 8)) = 3;
  labels(cv::Rect(20, 2, 10, 8)) = 700;
  cv::imwrite((scratch / "labels.png").string(), labels);
  eval::DatasetQuery labelled{"1", scratch / "1.png"};
  labelled.instances = scratch / "labels.png";
  const Result result = result_of({square(2, 2, 8), square(30, 15, 8)}, {40, 30});
  for (const auto& query : {annotated, labelled}) {
    const eval::ImageScore score = eval::score(eval::read_truth(query), result);
    REQUIRE(score.instances);
    CHECK(score.instances->truth == 2);
    CHECK(score.instances->found == 2);
    CHECK(score.instances->matched[0] == 1);
    CHECK(score.instances->iou_sum == Approx(64.0 / 80));
    CHECK(score.intersection_pixels == 64);
    CHECK(score.union_pixels == 160 + 64);
    CHECK(score.pixels == 1200);
    REQUIRE(score.matched);
    CHECK(score.matched->truth == 2);
    CHECK(score.matched->found.size() == 2);
  }
}

TEST_CASE("score_masks: masks may overlap, and what lies in a crowd is not counted",
          "[eval][metrics]") {
  const std::vector<Mask> truth = {square(0, 0, 10), square(5, 0, 10)};
  const std::vector<Mask> crowds = {square(20, 0, 10)};
  // both objects, one inside of the crowd, one that is half inside of it, one apart
  const std::vector<Mask> found = {square(0, 0, 10), square(5, 0, 10), square(21, 1, 4),
                                   square(28, 0, 4), square(0, 20, 4)};
  const auto score = eval::score_masks(truth, crowds, found, {40, 30});
  CHECK(score.instances->truth == 2);
  CHECK(score.instances->matched[9] == 2);
  CHECK(score.instances->iou_sum == 2);
  CHECK(score.instances->found == 4);
  CHECK(score.count->found == 4);
  CHECK(score.intersection_pixels == 150 + 16 + 8);
  CHECK(score.union_pixels == 150 + 100 + 8 + 16);
  CHECK_THROWS_AS(eval::score_masks(truth, {}, {}, {12, 30}), InvalidArgument);
}

TEST_CASE("score: truth of another size names its file", "[eval][truth][errors]") {
  const Scratch scratch;
  put_text(scratch / "coco.json", squares(1, 1, [](int, int) { return true; }).dump());
  eval::DatasetQuery query{"1", scratch / "1.png"};
  query.annotated = {eval::AnnotationFile::open(scratch / "coco.json"), {0}};
  CHECK_THAT(message_of<InvalidArgument>([&] {
               eval::score(eval::read_truth(query), result_of({}, {50, 30}));
             }),
             EndsWith("coco.json: 1.png: got 40 x 30, expected 50 x 30 as the image has"));
}

TEST_CASE("support_mask: annotations together, or one object of a label image", "[eval][truth]") {
  const Scratch scratch;
  put_text(scratch / "coco.json", squares(1, 1, [](int, int) { return true; }).dump());
  eval::DatasetSupport support{scratch / "1.png", {}, {}, {}, {}};
  support.annotated = {eval::AnnotationFile::open(scratch / "coco.json"), {0, 1}};
  CHECK(cv::countNonZero(eval::support_mask(support)) == 160);
  support.annotated.objects = {1};
  CHECK(tight_box(MaskView(eval::support_mask(support))) == PixelBox{20, 2, 30, 10});

  cv::Mat labels = cv::Mat::zeros(30, 40, CV_16U);
  labels(cv::Rect(2, 2, 5, 5)) = 300;
  cv::imwrite((scratch / "labels.png").string(), labels);
  eval::DatasetSupport labelled{scratch / "1.png", {}, {}, {}, {}};
  labelled.labelled = eval::LabelledObject{scratch / "labels.png", 300};
  CHECK(cv::countNonZero(eval::support_mask(labelled)) == 25);
}
