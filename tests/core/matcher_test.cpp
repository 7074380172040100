#include "persense/baselines/matcher.hpp"

#include <array>
#include <numeric>

#include "catch.hpp"
#include "drawn_stages.hpp"
#include "inputs.hpp"

using namespace persense;
using namespace persense::testing;
using Catch::Matchers::ContainsSubstring;

namespace {

struct Fixture {
  std::vector<Prompt> asked;

  Result segment(const cv::Mat& support, const cv::Mat& query, const RunOptions& run = {}) {
    const Matcher method(DrawnEncoder{}, DrawnDecoder{&asked});
    CHECK(method.options().method == Method::matcher);
    return method.segment(
        method.support(ImageView::of_rgb(support), MaskView(first_square(support))),
        ImageView::of_rgb(query), run);
  }
};

}  // namespace

TEST_CASE("Matcher: what matches another object of the support image better is not taken",
          "[matcher]") {
  Fixture f;
  const std::array shown{200, 90};
  const std::array asked_about{90, 200, 90, 200};
  RunOptions run;
  run.trace = true;
  const Result result = f.segment(squares(shown, 2, 1), squares(asked_about, 2, 2), run);
  REQUIRE(result.count() == 2);
  CHECK(result.instances[0].box == Box{30, 6, 42, 18});
  CHECK(result.instances[1].box == Box{30, 30, 42, 42});
  CHECK(result.instances[0].score > 0.9f);
  CHECK(result.estimated_count() == 2);
  const TracePass& pass = result.trace()->passes.at(0);
  CHECK(pass.candidates.size() >= pass.prompts.size());
  CHECK(pass.prompts.size() == f.asked.size());
}

TEST_CASE("Matcher: is the same in every run", "[matcher]") {
  Fixture f, again;
  const std::array shown{200};
  const std::array values{200, 195, 0, 205, 200, 190};
  const Result a = f.segment(squares(shown, 1, 1), squares(values, 3, 2));
  const Result b = again.segment(squares(shown, 1, 1), squares(values, 3, 2));
  REQUIRE(a.count() == 5);
  REQUIRE(b.count() == a.count());
  for (std::size_t i = 0; i < a.count(); ++i) CHECK(a.instances[i].box == b.instances[i].box);
  REQUIRE(f.asked.size() == again.asked.size());
  for (std::size_t i = 0; i < f.asked.size(); ++i) CHECK(f.asked[i].point == again.asked[i].point);
}

TEST_CASE("Matcher: examples in other images than the first are told to be unused", "[matcher]") {
  std::vector<Prompt> asked;
  const Matcher method(DrawnEncoder{}, DrawnDecoder{&asked});
  const std::array values{200};
  const cv::Mat a = squares(values, 1, 1), b = squares(values, 1, 1);
  const cv::Mat mask = first_square(a);
  using Example = decltype(method)::Example;
  const std::array examples{Example{ImageView::of_rgb(a), MaskView(mask)},
                            Example{ImageView::of_rgb(b), MaskView(mask)}};
  const Result result = method.segment(method.support(examples), ImageView::of_rgb(a));
  CHECK(result.count() == 1);
  CHECK_THAT(result.notes.at(0), ContainsSubstring("matcher looks at one support image"));
}

TEST_CASE("assign: gives each row a column of its own at the least cost", "[matcher]") {
  Random random(3);
  for (int trial = 0; trial < 50; ++trial) {
    const int rows = random.integer(1, 4), columns = random.integer(rows, 5);
    Eigen::MatrixXf cost(rows, columns);
    for (int i = 0; i < rows; ++i)
      for (int j = 0; j < columns; ++j) cost(i, j) = random.real(-1, 1);
    const auto sum_of = [&](const std::vector<int>& columns_of) {
      float sum = 0;
      for (int i = 0; i < rows; ++i) sum += cost(i, columns_of[static_cast<std::size_t>(i)]);
      return sum;
    };
    std::vector<int> order(static_cast<std::size_t>(columns));
    std::iota(order.begin(), order.end(), 0);
    float least = sum_of(order);
    while (std::next_permutation(order.begin(), order.end()))
      least = std::min(least, sum_of(order));
    const std::vector<int> given = detail::assign(cost);
    std::vector<int> distinct = given;
    std::sort(distinct.begin(), distinct.end());
    CHECK(std::unique(distinct.begin(), distinct.end()) == distinct.end());
    CHECK(sum_of(given) == Approx(least).margin(1e-5));
  }
}
