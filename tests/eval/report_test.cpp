#include "persense/eval/report.hpp"

#include <nlohmann/json.hpp>
#include <random>

#include "catch.hpp"
#include "message_of.hpp"
#include "persense/error.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace persense;
using nlohmann::json;

namespace {

cv::Mat random_mask(std::mt19937& random, int size) {
  cv::Mat mask = cv::Mat::zeros(size, size, CV_8UC1);
  for (int i = 0; i < 6; ++i) {
    const int x = static_cast<int>(random() % static_cast<unsigned>(size - 8));
    const int y = static_cast<int>(random() % static_cast<unsigned>(size - 8));
    mask(cv::Rect(x, y, 8, 8)) = 255;
  }
  return mask;
}

eval::ImageScore counted(std::int64_t truth, double found) {
  eval::ImageScore score;
  score.count = {truth, found};
  return score;
}

}  // namespace

TEST_CASE("Report: mIoU and FB-IoU are those of HSNet's meter", "[eval][report]") {
  // the meter, from its definition: pixels of intersection and union, of background and
  // foreground, summed for each class; foreground averaged over classes, and both over their sums
  std::mt19937 random(5);
  std::vector<eval::ScoredClass> classes = {{"a", {}}, {"b", {}}, {"c", {}}};
  double inter[2][3] = {}, joined[2][3] = {};
  for (std::size_t c = 0; c < 3; ++c)
    for (int i = 0; i < 5; ++i) {
      const cv::Mat truth = random_mask(random, 40), found = random_mask(random, 40);
      cv::Mat labels;
      found.convertTo(labels, CV_32S);
      classes[c].images.push_back(eval::score_union(MaskView(truth), labels));
      for (int y = 0; y < 40; ++y)
        for (int x = 0; x < 40; ++x)
          for (int of = 0; of < 2; ++of) {
            const bool t = (truth.at<std::uint8_t>(y, x) != 0) == (of == 1);
            const bool f = (found.at<std::uint8_t>(y, x) != 0) == (of == 1);
            inter[of][c] += t && f;
            joined[of][c] += t || f;
          }
    }
  const eval::ClassReport mean = eval::report_of(classes).mean();
  double miou = 0, both[2][2] = {};
  for (std::size_t c = 0; c < 3; ++c) {
    miou += inter[1][c] / joined[1][c] / 3;
    for (int of = 0; of < 2; ++of) both[of][0] += inter[of][c], both[of][1] += joined[of][c];
  }
  CHECK(mean.union_iou == Approx(miou).epsilon(1e-12));
  CHECK(mean.fb_iou ==
        Approx((both[0][0] / both[0][1] + both[1][0] / both[1][1]) / 2).epsilon(1e-12));
}

TEST_CASE("Report: where only counts are true there is no table of masks", "[eval][report]") {
  const std::vector<eval::ScoredClass> classes = {
      {"test", {counted(10, 13), counted(20, 16), counted(0, 2)}}};
  const eval::Report report = eval::report_of(classes, eval::Resample::images);
  const std::string table = eval::to_table(report, std::vector<double>{1.5, 1.5});
  INFO(table);
  CHECK_THAT(table, !ContainsSubstring("IoU") && ContainsSubstring("RMSE") &&
                        ContainsSubstring("resamples of the images of every class (seed 0)"));
  const json scores = json::parse(eval::to_json(report));
  const json& test = scores["classes"]["test"];
  CHECK_FALSE(test.contains("iou"));
  CHECK(test["count_mae"].get<double>() == Approx(3));
  CHECK(test["count_rmse"].get<double>() == Approx(std::sqrt(29.0 / 3)));
  CHECK(test["count_bias"].get<double>() == Approx(1.0 / 3));
  CHECK(test["absent_images"] == 1);
  CHECK(test["false_per_absent"] == 2.0);
  CHECK(scores["intervals"]["over"] == "images");
  CHECK(scores["intervals"]["mean"]["count_mae"][0].get<double>() >= 2);
  CHECK(scores["intervals"]["mean"]["count_mae"][1].get<double>() <= 4);
}

TEST_CASE("Report: intervals over classes are of the mean over classes", "[eval][report]") {
  std::vector<eval::ScoredClass> classes;
  for (int c = 0; c < 12; ++c) {
    eval::ImageScore score;
    score.intersection_pixels = c;
    score.union_pixels = 12;
    score.pixels = 100;
    classes.push_back({"c" + std::to_string(c), {score}});
  }
  CHECK(eval::resample_of("auto", classes.size(), 1) == eval::Resample::classes);
  CHECK(eval::resample_of("auto", 9, 5) == eval::Resample::images);
  CHECK(eval::resample_of("auto", 9, 4) == eval::Resample::off);
  const eval::Report report = eval::report_of(classes, eval::Resample::classes);
  const json scores = json::parse(eval::to_json(report));
  const double low = scores["intervals"]["mean"]["iou"][0],
               high = scores["intervals"]["mean"]["iou"][1];
  // the standard error of the mean of 0, ..., 11 twelfths is 0.083
  CHECK(low == Approx(report.mean().union_iou - 1.96 * 0.083).margin(0.02));
  CHECK(high == Approx(report.mean().union_iou + 1.96 * 0.083).margin(0.02));
  CHECK_FALSE(scores["intervals"]["mean"].contains("ap"));
  CHECK(testing::message_of<InvalidArgument>([] { eval::resample_of("pixels", 1, 1); }) ==
        "--intervals: got \"pixels\", expected auto, classes, images or off");
}

TEST_CASE("class_intervals: each class by its own images, where it has five", "[eval][report]") {
  std::vector<eval::ScoredClass> classes = {{"few", {}}, {"many", {}}, {"even", {}}};
  for (int i = 0; i < 4; ++i) classes[0].images.push_back(counted(10, 10 + i));
  for (int i = 0; i < 6; ++i) classes[1].images.push_back(counted(10, 10 + i));
  for (int i = 0; i < 5; ++i) classes[2].images.push_back(counted(10, 12));
  const auto intervals = eval::class_intervals(classes);
  REQUIRE(intervals.size() == 3);
  CHECK(intervals[0].values.empty());
  const auto alone = eval::report_of(std::span(&classes[1], 1), eval::Resample::images).intervals;
  REQUIRE(alone);
  REQUIRE(intervals[1].values.size() == 3);  // MAE, RMSE, bias
  CHECK(intervals[1].values[0].first == "count_mae");
  CHECK(intervals[1].values[0].second.low == alone->values[0].second.low);
  CHECK(intervals[1].values[0].second.low < 2.5);
  CHECK(intervals[1].values[0].second.high > 2.5);
  CHECK(intervals[2].values[0].second.low == 2);
  CHECK(intervals[2].values[0].second.high == 2);
}
