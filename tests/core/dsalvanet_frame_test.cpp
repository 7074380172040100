#include "persense/models/dsalvanet_frame.hpp"

#include "catch.hpp"
#include "inputs.hpp"

using namespace persense;
using Catch::Matchers::ContainsSubstring;
using persense::testing::message_of;

namespace {

const cv::Mat grey(200, 400, CV_8UC3, cv::Scalar(124, 116, 104));
const std::vector<Box> four{{0, 0, 41, 21}, {10, 10, 30, 30}, {5, 6, 7, 8}, {390, 190, 400, 200}};

std::vector<dsalvanet::ExemplarBox> exemplars_of(std::span<const Box> boxes, Rules rules) {
  dsalvanet::Options options;
  options.rules = rules;
  return dsalvanet::make_frame(ImageView::of_rgb(grey), boxes, options).exemplars;
}

}  // namespace

TEST_CASE("dsalvanet: the image becomes a square whatever its aspect, boxes with it",
          "[dsalvanet]") {
  const auto frame = dsalvanet::make_frame(ImageView::of_rgb(grey), four);
  CHECK(frame.image.size() == Size{512, 512});
  // ImageNet's mean is a third of a level from whole numbers: (124 - 123.675) / 58.395 and so on
  CHECK((frame.image.map(0, 0) - 0.325f / 58.395f).abs().maxCoeff() < 1e-6f);
  CHECK((frame.image.map(0, 2) - 0.47f / 57.375f).abs().maxCoeff() < 1e-6f);
  // last pixels 40, 20: 40 * 512 / 400 = 51.2, 20 * 512 / 200 = 51.2
  CHECK((frame.exemplars[0] == dsalvanet::ExemplarBox{0, 0, 51, 51}));
}

TEST_CASE("dsalvanet: all exemplars are used by the paper, three in the released code",
          "[dsalvanet]") {
  const auto all = exemplars_of(four, Rules::paper);
  REQUIRE(all.size() == 4);
  const auto three = exemplars_of(four, Rules::reference);
  CHECK((three == std::vector(all.begin(), all.begin() + 3)));
  const std::span<const Box> two(four.data(), 2);
  CHECK((exemplars_of(two, Rules::paper) == std::vector(all.begin(), all.begin() + 2)));
  CHECK((exemplars_of(two, Rules::reference) == std::vector{all[0], all[1], all[0]}));
}

TEST_CASE("dsalvanet: boxes that leave the image end at its last pixel", "[dsalvanet]") {
  const std::vector<Box> boxes{{-10, -10, 900, 900}, {399.5f, 199.5f, 400, 200}};
  const auto found = exemplars_of(boxes, Rules::paper);
  CHECK((found[0] == dsalvanet::ExemplarBox{0, 0, 509, 510}));  // 199 and 399, scaled
  CHECK((found[1] == dsalvanet::ExemplarBox{509, 510, 509, 510}));
}

TEST_CASE("dsalvanet: a single pixel is an image", "[dsalvanet]") {
  const cv::Mat dot(1, 1, CV_8UC3, cv::Scalar(255, 0, 0));
  const std::vector<Box> whole{{0, 0, 1, 1}};
  const auto frame = dsalvanet::make_frame(ImageView::of_rgb(dot), whole);
  CHECK((frame.image.map(0, 0) == (255 - 123.675f) / 58.395f).all());
  CHECK((frame.exemplars[0] == dsalvanet::ExemplarBox{0, 0, 0, 0}));
}

TEST_CASE("dsalvanet: an empty image, no exemplar and one outside throw InvalidArgument",
          "[dsalvanet][errors]") {
  const auto message = [](const cv::Mat& image, std::span<const Box> boxes) {
    return message_of<InvalidArgument>(
        [&] { dsalvanet::make_frame(ImageView::of_rgb(image), boxes); });
  };
  const std::vector<Box> outside{{500, 10, 510, 20}};
  CHECK_THAT(message({}, four), ContainsSubstring("0 x 0"));
  CHECK_THAT(message(grey, {}), ContainsSubstring("no exemplar"));
  CHECK_THAT(message(grey, outside),
             ContainsSubstring("(500, 10, 510, 20)") && ContainsSubstring("400 x 200"));
}
