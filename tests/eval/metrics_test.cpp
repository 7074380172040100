#include "persense/eval/metrics.hpp"

#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "persense/error.hpp"
#include "persense/eval/report.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace persense;

namespace {

cv::Mat labels_of(const std::vector<std::vector<int>>& rows) {
  cv::Mat labels(static_cast<int>(rows.size()), static_cast<int>(rows[0].size()), CV_32SC1);
  for (int y = 0; y < labels.rows; ++y)
    for (int x = 0; x < labels.cols; ++x)
      labels.at<int>(y, x) = rows[static_cast<std::size_t>(y)][static_cast<std::size_t>(x)];
  return labels;
}

/// Truth 1 (4 pixels) is found with IoU 3/4, truth 2 (2 pixels) with IoU exactly 1/2, truth 7
/// (2 pixels) is missed, and found 9 is nothing's.
const cv::Mat truth = labels_of({{1, 1, 0, 2, 2, 0, 0, 0}, {1, 1, 0, 0, 0, 0, 7, 7}});
const cv::Mat found = labels_of({{5, 5, 0, 3, 0, 0, 0, 9}, {5, 0, 0, 0, 0, 9, 0, 0}});

}  // namespace

TEST_CASE("score_labels: a case computed by hand", "[eval][metrics]") {
  const auto score = eval::score_labels(truth, found);
  CHECK(score.intersection_pixels == 4);
  CHECK(score.union_pixels == 8 + 6 - 4);
  REQUIRE(score.instances);
  CHECK(score.instances->truth == 3);
  CHECK(score.instances->found == 3);
  // 0.75 passes the levels 0.50 to 0.75, 0.5 passes the first
  CHECK(score.instances->matched ==
        std::array<std::int64_t, eval::level_count>{2, 1, 1, 1, 1, 1, 0, 0, 0, 0});
  CHECK(score.instances->iou_sum == 1.25);
  CHECK(score.instances->matched_found == std::vector<std::int32_t>{5, 3});
  REQUIRE(score.instances->matched_truth.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {  // the pairs' own IoU
    const cv::Mat t = truth == score.instances->matched_truth[i];
    const cv::Mat f = found == score.instances->matched_found[i];
    CHECK(score.instances->matched_iou[i] ==
          static_cast<double>(cv::countNonZero(t & f)) / cv::countNonZero(t | f));
  }
}

TEST_CASE("ClassScore: the same case's scores", "[eval][metrics]") {
  eval::ClassScore sum;
  sum.add(eval::score_labels(truth, found));
  const eval::ClassReport report = sum.report("hand");
  CHECK(report.name == "hand");
  CHECK(report.images == 1);
  CHECK(report.union_iou == Approx(0.4));
  REQUIRE(report.instances);
  CHECK(report.instances->precision == Approx(2.0 / 3));
  CHECK(report.instances->recall == Approx(2.0 / 3));
  CHECK(report.instances->f1 == Approx(2.0 / 3));
  CHECK(report.instances->pq == Approx(1.25 / 3));
  CHECK(report.instances->mean_f1 == Approx((2.0 / 3 + 5 * 1.0 / 3) / 10));
  CHECK(report.instances->sq == Approx(1.25 / 2));
  CHECK(report.instances->rq == Approx(2.0 / 3));
  CHECK(report.counts->mae == 0);
  CHECK(report.fb_iou == Approx((0.4 + 6.0 / 12) / 2));
}

TEST_CASE("ClassScore: unions and matches add up over images, counts err in both directions",
          "[eval][metrics]") {
  const cv::Mat empty = cv::Mat::zeros(2, 8, CV_32SC1);
  eval::ClassScore sum;
  sum.add(eval::score_labels(truth, empty));  // 3 missed
  sum.add(eval::score_labels(empty, found));  // 3 too many
  sum.add(eval::score_labels(truth, truth));
  const eval::ClassReport report = sum.report("c");
  CHECK(report.union_iou == Approx(8.0 / (8 + 6 + 8)));
  CHECK(report.truth == 6);
  CHECK(report.found == 6);
  CHECK(report.instances->precision == 0.5);
  CHECK(report.instances->recall == 0.5);
  CHECK(report.instances->pq == 0.5);
  CHECK(report.counts->mae == 2);
  CHECK(report.counts->rmse == Approx(std::sqrt(6.0)));
  CHECK(report.counts->bias == 0);
  CHECK(report.absent_images == 1);
  CHECK(report.false_per_absent == 3.0);
}

TEST_CASE("score_labels: one object is matched once, at IoU of exactly one half",
          "[eval][metrics]") {
  const cv::Mat whole = labels_of({{1, 1, 1, 1}}), halves = labels_of({{1, 1, 2, 2}});
  const auto score = eval::score_labels(whole, halves);
  CHECK(score.instances->matched[0] == 1);
  CHECK(score.instances->iou_sum == 0.5);
  CHECK(eval::score_labels(halves, whole).instances->matched[0] == 1);
}

TEST_CASE("score_labels: labels need not be consecutive nor connected", "[eval][metrics]") {
  const cv::Mat a = labels_of({{65535, 0, 65535, 2000000000}});
  const auto score = eval::score_labels(a, labels_of({{3, 0, 3, 1}}));
  CHECK(score.instances->matched[0] == 2);
  CHECK(score.instances->iou_sum == 2);
}

TEST_CASE("score_labels: nothing on either side scores 0 without dividing by 0",
          "[eval][metrics]") {
  const cv::Mat empty = cv::Mat::zeros(3, 3, CV_32SC1);
  eval::ClassScore sum;
  sum.add(eval::score_labels(empty, empty));
  const auto report = sum.report("none");
  CHECK(report.union_iou == 0);
  CHECK(report.instances->f1 == 0);
  CHECK(report.instances->pq == 0);
}

TEST_CASE("score_labels: thousands of instances on both sides need no table of all pairs",
          "[eval][metrics]") {
  cv::Mat labels(1000, 1000, CV_32SC1);
  for (int y = 0; y < 1000; ++y)
    for (int x = 0; x < 1000; ++x) labels.at<int>(y, x) = 1 + y / 8 * 125 + x / 8;
  const std::clock_t begin = std::clock();  // processor time: other programs do not count
  const auto score = eval::score_labels(labels, labels);
  const double spent = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  CHECK(score.instances->matched[9] == 15625);
  // a table of all pairs has 244 million entries; sanitizers slow the sparse one to about 0.3 s
  CHECK(spent < 1.5);
}

TEST_CASE("score_labels: sizes, types and negative labels are refused", "[eval][metrics][errors]") {
  const cv::Mat labels = cv::Mat::zeros(2, 3, CV_32SC1);
  CHECK_THROWS_WITH(eval::score_labels(labels, cv::Mat::zeros(3, 2, CV_32SC1)),
                    "labels: found has size 2 x 3, expected the truth's 3 x 2");
  CHECK_THROWS_AS(eval::score_labels(labels, cv::Mat::zeros(2, 3, CV_16UC1)), InvalidArgument);
  CHECK_THROWS_AS(eval::score_labels(labels, labels_of({{0, -1, 0}, {0, 0, 0}})), InvalidArgument);
}

TEST_CASE("score_union: only the union IoU, and the table shows no instance scores",
          "[eval][metrics]") {
  cv::Mat mask = cv::Mat::zeros(2, 8, CV_8UC1);
  mask.at<std::uint8_t>(0, 0) = mask.at<std::uint8_t>(1, 1) = 1;
  const auto score = eval::score_union(MaskView(mask), found);
  CHECK(score.intersection_pixels == 1);
  CHECK(score.union_pixels == 7);
  CHECK_FALSE(score.instances);
  eval::ClassScore sum;
  sum.add(score);
  CHECK_FALSE(sum.report("c").instances);
  const eval::Report report{{sum.report("c")}};
  CHECK_THAT(eval::to_table(report), ContainsSubstring("0.143  0.371      -      -"));
  CHECK_FALSE(nlohmann::json::parse(eval::to_json(report))["mean"].contains("f1"));
}

TEST_CASE("Report: the mean is over classes, of instance scores over those that have them",
          "[eval][report]") {
  eval::InstanceMetrics half;
  half.f1 = half.pq = 0.5;
  eval::InstanceMetrics full;
  full.f1 = full.pq = 1;
  const eval::Report report{
      {{"a", 3, 10, 12, 0.2, half}, {"b", 2, 5, 5, 0.4, std::nullopt}, {"c", 1, 7, 6, 0.9, full}}};
  const eval::ClassReport mean = report.mean();
  CHECK(mean.union_iou == Approx(0.5));
  CHECK(mean.images == 6);
  CHECK(mean.truth == 22);
  CHECK(mean.instances->f1 == Approx(0.75));
  const auto json = nlohmann::json::parse(eval::to_json(report));
  CHECK(json["classes"]["a"]["found"] == 12);
  CHECK(json["mean"]["pq"] == 0.75);
}

TEST_CASE("Report: without classes the mean is 0", "[eval][report]") {
  CHECK(eval::Report{}.mean().union_iou == 0);
}
