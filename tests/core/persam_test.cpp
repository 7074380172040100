#include "persense/baselines/persam.hpp"

#include <array>
#include <cmath>

#include "catch.hpp"
#include "drawn_stages.hpp"
#include "inputs.hpp"

using namespace persense;
using namespace persense::testing;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr std::array support_values{200};
const cv::Mat support_image = squares(support_values, 1, 1);

struct Fixture {
  std::vector<Prompt> asked;
  bool boxes = true;

  Result segment(const cv::Mat& query, const Options& options = {}, const RunOptions& run = {}) {
    const PerSam method(DrawnEncoder{}, DrawnDecoder{&asked, boxes}, options);
    CHECK(method.options().method == Method::persam);
    const auto support =
        method.support(ImageView::of_rgb(support_image), MaskView(first_square(support_image)));
    CHECK(support.own_similarity == 1);
    return method.segment(support, ImageView::of_rgb(query), run);
  }
};

/// Answers with an object's square, and the same 3 pixels smaller and larger.
struct ScaledDecoder : DrawnDecoder {
  std::vector<ScaleWeights>* weights;

  ScaleLogits scale_logits(const MarkedImage<DrawnEncoder>& image, Point point) const {
    asked->push_back({point});
    ScaleLogits logits;
    for (std::size_t k = 0; k < logits.size(); ++k) {
      logits[k] = FloatMap::Constant(image.image.height, image.image.width, -4);
      const int reach = 3 * (static_cast<int>(k) - 1);
      logits[k].block(6 - reach, 6 - reach, 12 + 2 * reach, 12 + 2 * reach) = 4;
    }
    return logits;
  }
  std::vector<ScoredMask> decode_weighted(const MarkedImage<DrawnEncoder>& image,
                                          std::span<const Point> points,
                                          const ScaleWeights& used) const {
    weights->push_back(used);
    std::vector<ScoredMask> masks;
    for (const Point point : points) {
      const int x = point.x / 24 * 24 + 6, y = point.y / 24 * 24 + 6;
      cv::Mat mask = cv::Mat::zeros(image.image.height, image.image.width, CV_8UC1);
      mask(cv::Rect(x, y, 12, 12)) = 255;
      masks.push_back({crop_to_box(MaskView(mask)), 0.7f});
    }
    return masks;
  }
};
static_assert(DecodesScales<ScaledDecoder, DrawnEncoder>);
static_assert(!DecodesScales<DrawnDecoder, DrawnEncoder>);

/// Three cones, above 0 in discs of radius 4, 7 and 10, and the mask of such a disc.
struct Cones {
  ScaleLogits logits;
  cv::Mat mask;

  explicit Cones(float radius, Size size = {32, 24}, float scale = 1) {
    mask = cv::Mat::zeros(size.height, size.width, CV_8UC1);
    for (FloatMap& map : logits) map.resize(24, 32);
    const auto distance = [](double x, double y) {
      return static_cast<float>(std::hypot(x - 16, y - 12));
    };
    for (int y = 0; y < 24; ++y)
      for (int x = 0; x < 32; ++x)
        for (std::size_t k = 0; k < logits.size(); ++k)
          logits[k](y, x) = 2 * (4 + 3 * static_cast<float>(k) - distance(x, y));
    for (int y = 0; y < size.height; ++y)
      for (int x = 0; x < size.width; ++x)
        mask.at<std::uint8_t>(y, x) = distance(x / scale, y / scale) <= radius ? 255 : 0;
  }
};

}  // namespace

TEST_CASE("fit_scale_weights: gives what PyTorch's AdamW gives", "[persam]") {
  // the same losses and optimiser in PyTorch 2.15; float32 sums differ in their order
  const std::array<ScaleWeights, 3> wanted{{{0.366129f, 0.316938f, 0.316933f},
                                            {1.002350f, -0.001164f, -0.001186f},
                                            {-0.306611f, 0.653291f, 0.653320f}}};
  std::size_t i = 0;
  for (const float radius : {7.0f, 4.0f, 10.0f}) {
    const Cones cones(radius);
    const ScaleWeights fit = fit_scale_weights(cones.logits, MaskView(cones.mask));
    for (std::size_t k = 0; k < fit.size(); ++k) CHECK(fit[k] == Approx(wanted[i][k]).margin(2e-5));
    ++i;
  }
}

TEST_CASE("fit_scale_weights: the mask may have the image's size, the maps any other", "[persam]") {
  const Cones small(4), large(4, {96, 72}, 3);
  const ScaleWeights one = fit_scale_weights(small.logits, MaskView(small.mask));
  const ScaleWeights other = fit_scale_weights(large.logits, MaskView(large.mask));
  for (std::size_t k = 0; k < one.size(); ++k)
    CHECK(other[k] == Approx(one[k]).margin(0.1));  // a disc's pixels are others on another grid
  ScaleLogits odd = small.logits;
  odd[2].resize(3, 3);
  CHECK_THROWS_AS(fit_scale_weights(odd, MaskView(small.mask)), InvalidArgument);
  CHECK_THROWS_AS(fit_scale_weights({}, MaskView(small.mask)), InvalidArgument);
}

TEST_CASE("PerSamF: weighs three masks as fits the support, once, and segments with that",
          "[persam]") {
  std::vector<Prompt> asked;
  std::vector<ScaleWeights> weights;
  const PerSamF<DrawnEncoder, ScaledDecoder> method(DrawnEncoder{},
                                                    ScaledDecoder{{&asked}, &weights});
  CHECK(method.options().method == Method::persam_f);
  const auto support =
      method.support(ImageView::of_rgb(support_image), MaskView(first_square(support_image)));
  REQUIRE(asked.size() == 1);  // at the most similar pixel of the support image
  CHECK(asked[0].point == Point{6, 6});
  std::vector<Prompt> unused;
  const ScaleLogits logits = ScaledDecoder{{&unused}, nullptr}.scale_logits(
      {ImageView::of_rgb(support_image), {}}, {6, 6});
  const ScaleWeights fit = fit_scale_weights(logits, MaskView(first_square(support_image)));
  CHECK(support.scale_weights == fit);
  const std::array values{155, 180, 100, 200};
  const Result result = method.segment(support, ImageView::of_rgb(squares(values, 2, 2)));
  CHECK(result.count() == 3);
  CHECK(weights == std::vector<ScaleWeights>(3, fit));
  CHECK(asked.size() == 1);  // nothing is decoded in another way
}

TEST_CASE("PerSam: goes from the most similar object to the next, until none is similar enough",
          "[persam]") {
  Fixture f;
  const std::array values{155, 180, 100, 200};  // similarities .55, .8, 0, 1
  const Result result = f.segment(squares(values, 2, 2));
  REQUIRE(f.asked.size() == 6);  // a cascade of two for each
  CHECK(f.asked[0].point == Point{30, 30});
  CHECK(f.asked[2].point == Point{30, 6});
  CHECK(f.asked[4].point == Point{6, 6});
  REQUIRE(result.count() == 3);
  CHECK(result.instances[2].box == Box{30, 30, 42, 42});
  CHECK(result.estimated_count() == 3);
  CHECK(result.density()(30, 30) == 1);
  CHECK(result.notes.empty());

  Options strict;
  strict.baselines.similarity = 0.9f;
  CHECK(f.segment(squares(values, 2, 2), strict).count() == 1);
}

TEST_CASE("PerSam: the last decode is prompted with the box of the first one's mask", "[persam]") {
  Fixture f;
  const std::array values{0, 200};
  const Result result = f.segment(squares(values, 2, 1));
  REQUIRE(f.asked.size() == 2);
  CHECK(f.asked[0].role == Prompt::Role::exemplar);
  CHECK_FALSE(f.asked[0].box);
  CHECK(f.asked[1].role == Prompt::Role::final_pass);
  CHECK(f.asked[1].box == Box{30, 6, 42, 18});
  CHECK(result.instances.at(0).score == 0.9f);  // of the last one
  f.asked.clear();
  f.boxes = false;
  CHECK(f.segment(squares(values, 2, 1)).instances.at(0).score == 0.6f);
  CHECK(f.asked.at(1).point == f.asked.at(0).point);
  CHECK_FALSE(f.asked.at(1).box);
}

TEST_CASE("PerSam: ends where the decoder finds nothing at what is similar", "[persam]") {
  Fixture f;
  const std::array black{0}, white{200};
  const PerSam method(DrawnEncoder{}, DrawnDecoder{&f.asked});
  cv::Mat dark = squares(black, 1, 1), mask = first_square(dark);
  const auto support = method.support(ImageView::of_rgb(dark), MaskView(mask));
  const Result result = method.segment(support, ImageView::of_rgb(dark));
  CHECK(result.count() == 0);
  CHECK(f.asked.size() > 1);  // here and there
  CHECK_THAT(result.notes.at(0), ContainsSubstring("the mask of every point prompt is empty"));
  const Result other =
      method.segment(support, ImageView::of_rgb(cv::Mat(squares(white, 1, 1) + 200)));
  CHECK(other.count() == 0);
  CHECK_THAT(other.notes.at(0), ContainsSubstring("no pixel is similar enough"));
  CHECK((other.density() == 0).all());
}

TEST_CASE("PerSam: its trace has the location prior and one pass without exemplars", "[persam]") {
  Fixture f;
  const std::array values{200, 190};
  RunOptions run;
  run.trace = true;
  const Result result = f.segment(squares(values, 2, 1), {}, run);
  REQUIRE(result.trace());
  CHECK(result.trace()->location_prior == Point{6, 6});
  REQUIRE(result.trace()->passes.size() == 1);
  const TracePass& pass = result.trace()->passes[0];
  CHECK(pass.exemplars.empty());
  CHECK(pass.prompts == std::vector<Point>{{6, 6}, {30, 6}});
  CHECK(pass.candidates == pass.prompts);
  CHECK(pass.masks.size() == 2);
}
