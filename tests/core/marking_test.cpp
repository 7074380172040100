// From marks to masks, by decoders whose every answer is known and by the weight-free one.
#include "persense/detail/marking.hpp"

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "catch.hpp"
#include "colour_encoder.hpp"
#include "inputs.hpp"
#include "persense/detail/marks.hpp"
#include "persense/engine.hpp"
#include "persense/pipeline.hpp"
#include "persense/similarity.hpp"

using namespace persense;
using Catch::Matchers::ContainsSubstring;
using persense::testing::message_of;

namespace {

constexpr Size frame{80, 60};
constexpr int radius = 8;
const std::vector<cv::Point> discs{{20, 20}, {55, 25}, {30, 46}};

/// White discs on black.
cv::Mat picture() {
  cv::Mat image = cv::Mat::zeros(frame.height, frame.width, CV_8UC3);
  for (const cv::Point p : discs) cv::circle(image, p, radius, cv::Scalar::all(255), cv::FILLED);
  return image;
}

Mask disc(int i) {
  cv::Mat mask = cv::Mat::zeros(frame.height, frame.width, CV_8UC1);
  cv::circle(mask, discs[static_cast<std::size_t>(i)], radius, cv::Scalar(255), cv::FILLED);
  return crop_to_box(MaskView(mask));
}

/// White is similar, black is not. Keeps the examples that its prototypes are of.
struct Brightness {
  using Embedding = cv::Mat;
  struct Prototype {
    std::vector<Mask> wanted, negative;
  };
  int* encodes;
  Embedding encode(ImageView image) const {
    ++*encodes;
    return image.mat().clone();
  }
  Prototype prototype(std::span<const EncodedExample<Embedding>> examples) const {
    Prototype all;
    for (const auto& e : examples) (e.negative ? all.negative : all.wanted).push_back(*e.mask);
    return all;
  }
  FloatMap similarity(const Embedding& image, const Prototype&, Size size) const {
    FloatMap map(size.height, size.width);
    for (int y = 0; y < size.height; ++y)
      for (int x = 0; x < size.width; ++x)
        map(y, x) = image.at<cv::Vec3b>(y, x)[0] > 127 ? 1.0f : -1.0f;
    return map;
  }
};
static_assert(ImageEncoder<Brightness>);

/// What is white around a point.
ScoredMask white_at(const cv::Mat& image, Point p) {
  cv::Mat white, labels;
  cv::extractChannel(image, white, 0);
  cv::connectedComponents(white > 127, labels, 8);
  const int label = labels.at<int>(p.y, p.x);
  if (label == 0) return {};
  return {crop_to_box(MaskView(labels == label)), 0.9f};
}

struct Asked {
  std::vector<Prompt> prompts;  // of the last decode
  std::vector<Mask> shown;      // the support's examples
  bool exemplar_has_mask = false;
  int decodes = 0, marks = 0;
};

/// Finds what is white at the prompts' points.
struct PointDecoder {
  Asked* asked;
  std::vector<ScoredMask> decode(const Query<Brightness>& query,
                                 std::span<const Prompt> prompts) const {
    ++asked->decodes;
    asked->prompts.assign(prompts.begin(), prompts.end());
    asked->shown = query.support.prototype.wanted;
    asked->exemplar_has_mask = !query.exemplars.empty() && query.exemplars[0].mask != nullptr;
    std::vector<ScoredMask> masks;
    for (const Prompt& p : prompts) masks.push_back(white_at(query.embedding, p.point));
    return masks;
  }
};
/// The same, and says that it looks at boxes.
struct BoxDecoder : PointDecoder {
  bool takes_boxes() const { return true; }
};
/// The same, and knows what to do with a mark.
struct MarkDecoder : PointDecoder {
  ScoredMask answer;
  ScoredMask decode_mark(const MarkedImage<Brightness>& image, const Prompt& prompt) const {
    ++asked->marks;
    asked->prompts = {prompt};
    CHECK(image.image.size() == frame);
    CHECK(image.embedding.size() == cv::Size(frame.width, frame.height));
    return answer;
  }
};

struct NoDetector {
  Detections detect(const Query<Brightness>&) const { return {}; }
};
struct NoDensity {
  DensityMap density(const Query<Brightness>&) const { return DensityMap::Zero(1, 1); }
};

/// A pipeline over a decoder, to mark objects in an image.
template <class Decoder>
struct Marks {
  using Made = Pipeline<Brightness, NoDetector, NoDensity, Decoder>;
  cv::Mat image = picture();
  int encodes = 0;
  Asked asked;
  Decoder decoder;

  Marks() { decoder.asked = &asked; }

  Support<Brightness> support(const std::vector<std::pair<Mark, bool>>& marks,
                              const Options& options = {}) {
    const Made pipeline(Brightness{&encodes}, NoDetector{}, NoDensity{}, decoder, options);
    std::vector<typename Made::Example> examples;
    for (const auto& [mark, negative] : marks)
      examples.push_back({ImageView::of_rgb(image), mark, negative});
    return pipeline.support(examples);
  }
  Support<Brightness> support(const Mark& mark) { return support({{mark, false}}); }
  std::string complaint(const std::vector<std::pair<Mark, bool>>& marks) {
    return message_of<InvalidArgument>([&] { support(marks); });
  }
};

const Box around_first{12, 12, 29, 29};

void check_is(const Mask& got, const Mask& expected) {
  CHECK(got.box == expected.box);
  CHECK(got.bits == expected.bits);
}

float overlap(const Mask& a, const Mask& b) { return detail::iou(a, b); }

}  // namespace

TEST_CASE("marks: a decoder that decodes marks is asked once, with the box or the point",
          "[marks]") {
  Marks<MarkDecoder> marks;
  marks.decoder.answer = {disc(0), 0.5f};
  const auto of_box = marks.support(around_first);
  REQUIRE(marks.asked.prompts.size() == 1);
  CHECK(marks.asked.prompts[0].box == around_first);
  CHECK(marks.asked.prompts[0].point == Point{20, 20});
  CHECK(marks.asked.prompts[0].role == Prompt::Role::exemplar);
  REQUIRE(of_box.examples.size() == 1);
  check_is(of_box.examples[0].mask, disc(0));
  CHECK(of_box.notes.empty());

  const auto of_point = marks.support(Point{20, 20});
  CHECK_FALSE(marks.asked.prompts[0].box.has_value());
  CHECK(marks.asked.prompts[0].point == Point{20, 20});
  check_is(of_point.examples.at(0).mask, disc(0));
  CHECK(marks.asked.marks == 2);
  CHECK(marks.asked.decodes == 0);
  CHECK(marks.encodes == 2);
}

TEST_CASE("marks: a decoder that takes boxes is shown the mark as a support and gets the box",
          "[marks]") {
  Marks<BoxDecoder> marks;
  const auto support = marks.support(around_first);
  check_is(support.examples.at(0).mask, disc(0));
  CHECK(marks.asked.shown.size() == 1);
  CHECK(marks.asked.exemplar_has_mask);
  REQUIRE(marks.asked.prompts.size() == 1);
  REQUIRE(marks.asked.prompts[0].box.has_value());
  CHECK(marks.asked.prompts[0].box->width() == around_first.width());
  CHECK(marks.asked.prompts[0].role == Prompt::Role::exemplar);
}

TEST_CASE("marks: a decoder of points is shown the mark as a support and gets points in the box",
          "[marks]") {
  Marks<PointDecoder> marks;
  const auto support = marks.support(around_first);
  check_is(support.examples.at(0).mask, disc(0));
  CHECK(support.notes.empty());
  CHECK(support.diameter == equivalent_diameter(static_cast<double>(disc(0).area())));
  CHECK(marks.asked.decodes == 2);  // of the ellipse, then of what it found
  REQUIRE(marks.asked.shown.size() == 1);
  CHECK(marks.asked.shown[0].bits == disc(0).bits);  // in the part that was looked at
  CHECK(marks.asked.exemplar_has_mask);
  for (const Prompt& prompt : marks.asked.prompts) CHECK_FALSE(prompt.box.has_value());
}

TEST_CASE("marks: a point finds the object around it, whatever its size", "[marks]") {
  for (const int size : {4, 8, 12}) {
    Marks<PointDecoder> marks;
    marks.image.setTo(cv::Scalar());
    cv::circle(marks.image, {40, 30}, size, cv::Scalar::all(255), cv::FILLED);
    INFO("radius " << size);
    const auto support = marks.support(Point{41, 28});
    CHECK(support.box == PixelBox{40 - size, 30 - size, 41 + size, 31 + size});
    CHECK(support.notes.empty());
  }
}

TEST_CASE("marks: a box in which nothing is found stands for the ellipse in it, and a note says so",
          "[marks]") {
  const std::string note =
      "support box: in (60, 40, 76, 56) the decoder finds no object that fills it, so the ellipse "
      "in "
      "it is used";
  const Box empty_place{60, 40, 76, 56};
  const Mask ellipse = crop_to_box(MaskView(detail::ellipse_in(empty_place, frame)));
  Marks<PointDecoder> points;
  const auto support = points.support(empty_place);
  check_is(support.examples.at(0).mask, ellipse);
  CHECK(support.notes == std::vector{note});

  Marks<MarkDecoder> marks;  // nothing, or something else
  for (const Mask& answer : {Mask{}, disc(0)}) {
    marks.decoder.answer = {answer, 0.9f};
    const auto other = marks.support(empty_place);
    check_is(other.examples.at(0).mask, ellipse);
    CHECK(other.notes == std::vector{note});
  }
}

TEST_CASE("marks: a point where nothing is found is an error", "[marks][errors]") {
  const std::string expected =
      "support point: at (70, 5) the decoder finds no object; expected a pixel of one, or a box or "
      "mask of it";
  Marks<PointDecoder> points;
  CHECK(points.complaint({{Point{70, 5}, false}}) == expected);
  Marks<MarkDecoder> marks;
  CHECK(marks.complaint({{Point{70, 5}, false}}) == expected);
}

TEST_CASE("marks: every kind of mark in one support, each an example, images encoded once",
          "[marks]") {
  Marks<PointDecoder> marks;
  cv::Mat two = cv::Mat::zeros(frame.height, frame.width, CV_8UC1);
  for (int i : {0, 1}) cv::circle(two, discs[static_cast<std::size_t>(i)], radius, 255, cv::FILLED);
  cv::Mat labels = cv::Mat::zeros(frame.height, frame.width, CV_32SC1);
  cv::circle(labels, discs[2], radius, cv::Scalar(5), cv::FILLED);
  const Polygon black{{{60, 40}, {76, 40}, {76, 56}, {60, 56}}};
  const auto support =
      marks.support({{MaskView(two), false}, {LabelId{labels, 5}, false}, {black, true}});
  REQUIRE(support.examples.size() == 4);
  CHECK(support.examples[0].mask.area() == disc(0).area());
  check_is(support.examples[2].mask, disc(2));
  CHECK(support.examples[3].mask.box == PixelBox{60, 40, 76, 56});
  for (int i : {0, 1, 2}) CHECK_FALSE(support.examples[static_cast<std::size_t>(i)].negative);
  CHECK(support.examples[3].negative);
  CHECK(support.prototype.wanted.size() == 3);
  CHECK(support.prototype.negative.size() == 1);
  CHECK(marks.encodes == 1);
  CHECK(support.examples[0].image.mat().data == support.examples[3].image.mat().data);
  // mask and diameter are of what is looked for
  CHECK(cv::countNonZero(support.mask) == 3 * disc(0).area());
  CHECK(support.diameter == equivalent_diameter(static_cast<double>(disc(0).area())));
  CHECK(support.notes ==
        std::vector<std::string>{
            "support mask: has 2 separate parts, 2 of like size are one example each"});
}

TEST_CASE("marks: with the rule largest, a mask of two objects is one example", "[marks]") {
  Marks<PointDecoder> marks;
  cv::Mat two = cv::Mat::zeros(frame.height, frame.width, CV_8UC1);
  for (int i : {0, 1}) cv::circle(two, discs[static_cast<std::size_t>(i)], radius, 255, cv::FILLED);
  Options options;
  options.support.parts = Parts::largest;
  CHECK(marks.support({{MaskView(two), false}}, options).examples.size() == 1);
}

TEST_CASE("marks: examples that cannot be a support are errors", "[marks][errors]") {
  Marks<PointDecoder> marks;
  CHECK(marks.complaint({}) == "support: got no example, expected at least one");
  CHECK(marks.complaint({{around_first, true}}) ==
        "support: all examples are negative, expected one of what is looked for");
  CHECK(marks.complaint({{around_first, false}, {Box{10, 10, 30, 30}, true}}) ==
        "negative example: covers the object at (12, 12, 29, 29) that is looked for; expected "
        "another object");
  CHECK(marks.complaint({{around_first, false}, {Point{100, 5}, false}}) ==
        "example 2: support point: (100, 5) lies outside of the image of 80 x 60");
  CHECK(marks.complaint({{Point{100, 5}, false}}) ==
        "support point: (100, 5) lies outside of the image of 80 x 60");
  const cv::Mat empty = cv::Mat::zeros(frame.height, frame.width, CV_8UC1);
  CHECK(marks.complaint({{MaskView(empty), false}}) ==
        "support mask: no pixel is set, expected the pixels of one object");
  marks.image.release();
  CHECK(marks.complaint({{around_first, false}}) ==
        "support image: size 0 x 0, expected at least 1 x 1");
}

namespace {

/// The sample images, which are rendered: their masks are exact.
const std::string samples = PERSENSE_SOURCE_DIR "/examples/data/";

Image sample(const std::string& kind, const char* name) {
  return Image::from_bgr(cv::imread(samples + kind + "/" + name + ".jpg"));
}

Mask sample_support_mask(const std::string& kind) {
  const cv::Mat mask = cv::imread(samples + kind + "/00.png", cv::IMREAD_GRAYSCALE);
  return crop_to_box(MaskView(mask));
}

Mask marked(const Engine& engine, ImageView image, const Mark& mark) {
  const Example example{image, mark};
  const EngineSupport support = engine.support(std::span(&example, 1));
  return support.info().examples.at(0).mask;
}

/// Discs of two colours on grey noise, alternating.
struct TwoColours {
  static constexpr int across = 6, down = 4, gap = 50, size = 12;
  static constexpr int width = across * gap, height = down * gap;
  cv::Mat image = cv::Mat(height, width, CV_8UC3);

  TwoColours() {
    cv::RNG generator(1);
    generator.fill(image, cv::RNG::NORMAL, 110, 6);
    for (int y = 0; y < down; ++y)
      for (int x = 0; x < across; ++x)
        cv::circle(image, centre(x, y), size,
                   is_red(x, y) ? cv::Scalar(200, 50, 40) : cv::Scalar(50, 170, 60), cv::FILLED);
  }
  static bool is_red(int x, int y) { return (x + y) % 2 == 0; }
  static cv::Point centre(int x, int y) { return {gap / 2 + gap * x, gap / 2 + gap * y}; }
  static Box box(int x, int y) {
    const cv::Point c = centre(x, y);
    return static_cast<Box>(PixelBox{c.x - size, c.y - size, c.x + size + 1, c.y + size + 1});
  }
  /// How many of the instances lie on red discs, and how many on green ones.
  static std::pair<int, int> colours(const Result& result) {
    int red = 0, green = 0;
    for (const Instance& i : result.instances)
      ++(is_red(i.point.x / gap, i.point.y / gap) ? red : green);
    return {red, green};
  }
};

}  // namespace

TEST_CASE("marks: the weight-free decoder makes masks of boxes in the sample images",
          "[marks][classic]") {
  const Engine engine("classic");
  for (const std::string kind : {"beans", "berries", "cells", "pebbles"}) {
    const Image image = sample(kind, "00");
    const Mask truth = sample_support_mask(kind);
    const Mask mask = marked(engine, image.view(), static_cast<Box>(truth.box));
    INFO(kind << ": " << overlap(mask, truth));
    CHECK(overlap(mask, truth) >= 0.7f);
  }
}

TEST_CASE("marks: the same object in an image that is shifted has the same mask, shifted",
          "[marks][classic]") {
  const Engine engine("classic");
  constexpr int dx = 13, dy = 6;
  for (const std::string kind : {"beans", "pebbles"}) {
    const Image image = sample(kind, "00");
    const Box box = static_cast<Box>(sample_support_mask(kind).box);
    REQUIRE(box.x0 - box.width() > dx);  // what is looked at is in both images
    REQUIRE(box.y0 - box.height() > dy);
    const cv::Mat part =
        image.mat()(cv::Rect(dx, dy, image.mat().cols - dx, image.mat().rows - dy));
    const Mask whole = marked(engine, image.view(), box);
    const Mask shifted = marked(engine, ImageView::of_rgb(part),
                                Box{box.x0 - dx, box.y0 - dy, box.x1 - dx, box.y1 - dy});
    INFO(kind);
    CHECK(shifted.bits == whole.bits);
    CHECK(shifted.box.x0 == whole.box.x0 - dx);
    CHECK(shifted.box.y0 == whole.box.y0 - dy);
  }
}

TEST_CASE("marks: a point on an object of a drawn scene gives its mask by the weight-free decoder",
          "[marks][classic]") {
  const TwoColours scene;
  const Engine engine("classic");
  const cv::Point c = TwoColours::centre(2, 1);
  const Mask mask = marked(engine, ImageView::of_rgb(scene.image), Point{c.x + 3, c.y - 2});
  cv::Mat truth = cv::Mat::zeros(scene.image.size(), CV_8UC1);
  cv::circle(truth, c, TwoColours::size, 255, cv::FILLED);
  CHECK(overlap(mask, crop_to_box(MaskView(truth))) >= 0.7f);
}

TEST_CASE("negatives: with one green disc as negative example only red ones are found",
          "[marks][classic][negatives]") {
  const TwoColours scene;
  const Engine engine("classic");
  const ImageView image = ImageView::of_rgb(scene.image);
  const std::vector<Example> examples{{image, TwoColours::box(0, 0)},
                                      {image, TwoColours::box(1, 0), true}};
  const Result found = engine.segment(engine.support(examples), image);
  CHECK(TwoColours::colours(found) == std::pair(TwoColours::across * TwoColours::down / 2, 0));
  const Result all = engine.segment(engine.support(std::span(examples.data(), 1)), image);
  CHECK(TwoColours::colours(all).first == TwoColours::across * TwoColours::down / 2);
}

TEST_CASE("negatives: a cell that is more like a negative example has minus its similarity",
          "[similarity][negatives]") {
  CHECK(against(0.5f, 0.3f) == 0.5f);
  CHECK(against(0.5f, 0.5f) == 0.5f);
  CHECK(against(0.3f, 0.5f) == -0.5f);
  CHECK(against(-0.5f, -0.3f) == 0.0f);
  CHECK(against(-0.3f, -0.5f) == -0.3f);
}

TEST_CASE("negatives: turn an own encoder's similarity negative where they explain a pixel better",
          "[own][negatives]") {
  const TwoColours scene;
  Stages stages = Stages::named("classic");
  stages.custom.encode = persense::testing::colours<2>;
  const Engine engine(stages);
  const ImageView image = ImageView::of_rgb(scene.image);
  const std::vector<Example> examples{{image, TwoColours::box(0, 0)},
                                      {image, TwoColours::box(1, 0), true}};
  RunOptions run;
  run.trace = true;
  const auto similarity = [&](std::size_t count) {
    return engine.segment(engine.support(std::span(examples.data(), count)), image, run)
        .trace()
        ->similarity;
  };
  const FloatMap alone = similarity(1), against_green = similarity(2);
  const cv::Point red = TwoColours::centre(2, 0), green = TwoColours::centre(3, 0);
  CHECK(alone(red.y, red.x) == Approx(1).margin(0.02));
  CHECK(alone(green.y, green.x) > 0);
  CHECK(against_green(red.y, red.x) == Approx(1).margin(0.02));
  CHECK(against_green(green.y, green.x) == Approx(-1).margin(0.02));
}
