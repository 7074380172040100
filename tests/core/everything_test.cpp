#include "persense/baselines/everything.hpp"

#include <array>

#include "catch.hpp"
#include "drawn_stages.hpp"
#include "inputs.hpp"

using namespace persense;
using namespace persense::testing;
using Catch::Matchers::ContainsSubstring;

namespace {

Result segment(const cv::Mat& query, const Options& options, std::vector<Prompt>& asked,
               const RunOptions& run = {}) {
  const std::array values{200};
  const cv::Mat image = squares(values, 1, 1);
  const Everything method(DrawnEncoder{}, DrawnDecoder{&asked}, options);
  CHECK(method.options().method == Method::everything);
  return method.segment(method.support(ImageView::of_rgb(image), MaskView(first_square(image))),
                        ImageView::of_rgb(query), run);
}

}  // namespace

TEST_CASE("Everything: decodes a regular grid and keeps one mask of each object that is similar",
          "[everything]") {
  std::vector<Prompt> asked;
  const std::array values{200, 100, 160, 140};  // similarities 1, 0, .6, .4
  RunOptions run;
  run.trace = true;
  const Result result = segment(squares(values, 2, 2), {}, asked, run);
  REQUIRE(asked.size() == 32 * 32);
  CHECK(asked[0].point == Point{0, 0});
  CHECK(asked[33].point == Point{2, 2});  // the middle of 1.5 to 3
  CHECK(asked.back().point == Point{47, 47});
  REQUIRE(result.count() == 2);
  CHECK(result.instances[0].box == Box{6, 6, 18, 18});
  CHECK(result.instances[1].box == Box{6, 30, 18, 42});
  CHECK(result.instances[0].score == 0.6f);  // the decoder's
  CHECK(result.estimated_count() == 2);
  CHECK(result.notes.empty());
  const TracePass& pass = result.trace()->passes.at(0);
  CHECK(pass.candidates.size() == asked.size());
  CHECK(pass.prompts.size() == 2 * 8 * 8);
  CHECK(pass.masks.size() == pass.prompts.size());
}

TEST_CASE("Everything: the grid and the least similarity are options", "[everything]") {
  std::vector<Prompt> asked;
  const std::array values{200, 140};
  Options options;
  options.baselines.grid = 1;
  CHECK(segment(squares(values, 2, 1), options, asked).count() == 0);  // between the two
  CHECK(asked.size() == 1);
  options.baselines.grid = 256;  // but there are fewer pixels
  options.baselines.similarity = 0.3f;
  asked.clear();
  CHECK(segment(squares(values, 2, 1), options, asked).count() == 2);
  CHECK(asked.size() == 48 * 24);
}

TEST_CASE("Everything: says whether nothing was decoded, or nothing is similar", "[everything]") {
  std::vector<Prompt> asked;
  const std::array black{0}, dark{60};
  const Result none = segment(squares(black, 1, 1), {}, asked);
  CHECK_THAT(none.notes.at(0), ContainsSubstring("the mask of every grid point is empty"));
  const Result other = segment(squares(dark, 1, 1), {}, asked);
  CHECK_THAT(other.notes.at(0), ContainsSubstring("no mask is similar enough"));
  CHECK(other.count() == 0);
  CHECK((other.density() == 0).all());
}
