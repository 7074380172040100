#include "persense/baselines/grounded_sam.hpp"

#include <cmath>
#include <limits>

#include "catch.hpp"
#include "message_of.hpp"

using namespace persense;
using Catch::Matchers::ContainsSubstring;
using persense::testing::message_of;

namespace {

constexpr Size frame{80, 60};

struct FlatEncoder {
  struct Embedding {};
  struct Prototype {};
  Embedding encode(ImageView) const { return {}; }
  Prototype prototype(std::span<const EncodedExample<Embedding>>) const { return {}; }
  FloatMap similarity(const Embedding&, const Prototype&, Size size) const {
    FloatMap map = FloatMap::Constant(size.height, size.width, -0.5f);
    map.block(20, 30, 10, 10) = 0.7f;
    return map;
  }
};
using FlatQuery = Query<FlatEncoder>;

struct ScriptedDetector {
  Detections found;
  Detections detect(const FlatQuery&) const { return found; }
};

/// The box of every prompt, filled, where it lies in the image; scores fall from 0.9.
struct BoxDecoder {
  std::vector<Prompt>* asked;
  bool takes_boxes() const { return true; }
  std::vector<ScoredMask> decode(const FlatQuery& query, std::span<const Prompt> prompts) const {
    asked->assign(prompts.begin(), prompts.end());
    std::vector<ScoredMask> masks;
    float score = 0.9f;
    for (const Prompt& prompt : prompts) {
      const PixelBox box = pixels_of(prompt.box.value(), query.image.size());
      const auto area =
          static_cast<std::size_t>(box.width()) * static_cast<std::size_t>(box.height());
      masks.push_back({{box, std::vector<std::uint8_t>(area, 1)}, score});
      score -= 0.1f;
    }
    return masks;
  }
};

/// The pixel of every prompt's point.
struct PointDecoder {
  std::vector<ScoredMask> decode(const FlatQuery&, std::span<const Prompt> prompts) const {
    std::vector<ScoredMask> masks;
    for (const auto& [x, y] : points_of(prompts))
      masks.push_back({{{x, y, x + 1, y + 1}, {1}}, 0.5f});
    return masks;
  }
  static std::vector<Point> points_of(std::span<const Prompt> prompts) {
    std::vector<Point> points;
    for (const Prompt& prompt : prompts) points.push_back(prompt.point);
    return points;
  }
};

struct Fixture {
  Detections found{{{{0, 0, 80, 60}, 0.9f}},
                   {{{10, 10, 21, 31}, 0.5f}, {{-10, 40, 6, 70}, 0.2f}, {{50, 5, 60, 9}, 0.15f}}};
  std::vector<Prompt> asked;

  Result segment(const Options& options = {}, const RunOptions& run = {}) {
    return segment_by(BoxDecoder{&asked}, options, run);
  }
  template <class Decoder>
  Result segment_by(Decoder decoder, const Options& options = {}, const RunOptions& run = {}) {
    const GroundedSam method(FlatEncoder{}, ScriptedDetector{found}, std::move(decoder), options);
    CHECK(method.options().method == Method::grounded_sam);
    const cv::Mat image = cv::Mat::zeros(frame.height, frame.width, CV_8UC3);
    cv::Mat mask = cv::Mat::zeros(frame.height, frame.width, CV_8UC1);
    mask(cv::Rect(10, 10, 12, 12)) = 255;
    return method.segment(method.support(ImageView::of_rgb(image), MaskView(mask), "bean"),
                          ImageView::of_rgb(image), run);
  }
};

}  // namespace

TEST_CASE("GroundedSam: one instance for each confident box of the phrase", "[grounded_sam]") {
  Fixture f;
  RunOptions run;
  run.trace = true;
  const Result result = f.segment({}, run);
  REQUIRE(result.count() == 2);
  CHECK(result.instances[0].box == Box{10, 10, 21, 31});
  CHECK(result.instances[0].score == 0.9f);
  CHECK(result.instances[0].point == Point{15, 20});
  CHECK(result.instances[1].box == Box{0, 40, 6, 60});
  CHECK(result.notes.empty());
  REQUIRE(f.asked.size() == 2);
  CHECK(f.asked[1].box == Box{-10, 40, 6, 70});  // as the detector gave it
  CHECK(f.asked[1].point == Point{0, 55});       // in the image
  CHECK(result.trace()->detections.phrase.size() == 2);
  CHECK(size_of(result.trace()->similarity) == frame);
  CHECK(result.trace()->passes.empty());
}

TEST_CASE("GroundedSam: the density map counts the boxes", "[grounded_sam]") {
  Fixture f;
  const Result result = f.segment();
  CHECK(result.estimated_count() == 2);
  REQUIRE(size_of(result.density()) == frame);
  CHECK(result.density().sum() == 2);
  CHECK(result.density()(20, 15) == 1);
}

TEST_CASE("GroundedSam: of two boxes around one object, the better mask stays", "[grounded_sam]") {
  Fixture f;
  f.found.phrase = {{{10, 10, 30, 30}, 0.3f}, {{11, 11, 30, 30}, 0.9f}};
  const Result result = f.segment();
  REQUIRE(result.count() == 1);
  CHECK(result.instances[0].box == Box{10, 10, 30, 30});  // which the decoder scores higher
  CHECK(result.estimated_count() == 2);
}

TEST_CASE("GroundedSam: a decoder of points gets the boxes' centres, and the result a note",
          "[grounded_sam]") {
  Fixture f;
  const Result result = f.segment_by(PointDecoder{});
  REQUIRE(result.count() == 2);
  CHECK(result.instances[0].mask.box == PixelBox{15, 20, 16, 21});
  CHECK(result.notes == std::vector<std::string>{
                            "the decoder takes points alone, so it got the centre of each box"});
}

TEST_CASE("GroundedSam: what is found for the label alone does not stand for the phrase",
          "[grounded_sam]") {
  Fixture f;
  f.found.phrase = {{{10, 10, 21, 31}, 0.1f}};  // too weak
  const Result result = f.segment();
  REQUIRE(result.count() == 1);
  CHECK(result.instances[0].box == Box{30, 20, 40, 30});
  CHECK_THAT(result.notes.at(0), ContainsSubstring("no detection of the phrase above") &&
                                     ContainsSubstring("most similar"));
}

TEST_CASE("GroundedSam: a box that is not finite is an error", "[grounded_sam][errors]") {
  constexpr float infinite = std::numeric_limits<float>::infinity();
  for (const Box& box : {Box{0, 0, std::nanf(""), 9}, Box{-infinite, 0, infinite, 9}}) {
    Fixture f;
    f.found.phrase = {{box, 0.9f}};
    CHECK_THROWS_WITH(f.segment(), ContainsSubstring("detector: a box with the side"));
  }
}

TEST_CASE("GroundedSam: no box is an empty result with a note, or what is similar",
          "[grounded_sam]") {
  Fixture f;
  f.found = {};
  Options options;
  options.detector.fallback = Fallback::off;
  const Result none = f.segment(options);
  CHECK(none.count() == 0);
  CHECK((none.density() == 0).all());
  REQUIRE(none.notes.size() == 1);
  CHECK_THAT(none.notes[0], ContainsSubstring("no detection above confidence 0.15"));
  const Result similar = f.segment();
  REQUIRE(similar.count() == 1);
  CHECK(similar.instances[0].box == Box{30, 20, 40, 30});
  CHECK_THAT(similar.notes.at(0), ContainsSubstring("most similar"));
}

TEST_CASE("GroundedSam: is cancelled before any of its steps, and reports and times them",
          "[grounded_sam]") {
  Fixture f;
  std::vector<Step> steps;
  RunOptions run;
  run.on_step = [&](Step step) { steps.push_back(step); };
  f.segment({}, run);
  const std::vector expected{Step::encode, Step::similarity, Step::detect, Step::decode,
                             Step::instances};
  CHECK(steps == expected);
  for (const Step last : expected) {
    std::stop_source source;
    run.stop = source.get_token();
    run.on_step = [&](Step step) {
      if (step == last) source.request_stop();
    };
    if (last == Step::instances)
      CHECK_NOTHROW(f.segment({}, run));  // it had begun
    else
      CHECK_THROWS_AS(f.segment({}, run), Cancelled);
  }
}
