#include "persense/eval/reliability.hpp"

#include <nlohmann/json.hpp>

#include "catch.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace persense;

namespace {

std::vector<Instance> instances_with(const std::vector<float>& scores) {
  std::vector<Instance> instances(scores.size());
  for (std::size_t i = 0; i < scores.size(); ++i) instances[i].score = scores[i];
  return instances;
}

}  // namespace

TEST_CASE("Reliability: instances by score, and how many of them match", "[eval][reliability]") {
  eval::ImageScore::Instances score;
  score.matched_found = {2, 4, 6};
  eval::Reliability sum;
  // 0.7 in float lies a little below 0.7; what a network predicts may lie beyond 1
  sum.add(instances_with({0.0f, 0.7f, 0.75f, 0.79f, 1.0f, 1.02f}), score);
  CHECK(sum.bins[0].instances == 1);
  CHECK(sum.bins[6].instances == 0);
  CHECK(sum.bins[7].instances == 3);
  CHECK(sum.bins[7].matched == 2);
  CHECK(sum.bins[7].score_sum == Approx(2.24));
  CHECK(sum.bins[9].instances == 2);
  CHECK(sum.bins[9].matched == 1);

  eval::Reliability twice = sum;
  twice.add(sum);
  CHECK(twice.bins[7].instances == 6);
  CHECK(twice.bins[7].matched == 4);
  CHECK_THAT(eval::to_table(twice),
             ContainsSubstring("0.7 to 0.8            6       0.747      0.667"));
  CHECK_THAT(eval::to_table(twice),
             ContainsSubstring("0.6 to 0.7            0           -          -"));
  const auto json = nlohmann::json::parse(eval::to_json(twice));
  REQUIRE(json.size() == 10);
  CHECK(json[7]["precision"].get<double>() == Approx(2.0 / 3));
  CHECK(json[7]["to"] == 0.8);
  CHECK(json[6]["precision"].is_null());
}

TEST_CASE("Reliability: the label image's matching decides", "[eval][reliability]") {
  // the second of two equal halves covers the truth, the first is elsewhere
  cv::Mat truth = cv::Mat::zeros(2, 8, CV_32SC1), found = truth.clone();
  truth(cv::Rect(4, 0, 4, 2)) = 9;
  found(cv::Rect(0, 0, 4, 2)) = 1;
  found(cv::Rect(4, 0, 4, 2)) = 2;
  eval::Reliability sum;
  sum.add(instances_with({0.95f, 0.35f}), *eval::score_labels(truth, found).instances);
  CHECK(sum.bins[9].matched == 0);
  CHECK(sum.bins[3].matched == 1);
}
