#include "persense/baselines/persam.hpp"

#include <array>

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

}  // namespace

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
