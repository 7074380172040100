// persense calibrate: thresholds chosen on a user's labelled images, and the file that holds them.
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "workspace.hpp"

using namespace persense::test;
using Catch::Matchers::ContainsSubstring;
using nlohmann::json;

namespace {

/// Twelve images of discs that are wanted and, where `others` are, small ones that are not.
void save_set(const Workspace& work, bool others, int images = 12) {
  cv::RNG random(5);
  for (int i = 0; i <= images; ++i) {
    cv::Mat picture(170, 220, CV_8UC3, cv::Scalar(20, 24, 28));
    cv::Mat labels = cv::Mat::zeros(picture.size(), CV_16UC1);
    int label = 0;
    for (int y = 0; y < 3; ++y)
      for (int x = 0; x < 4; ++x) {
        const cv::Point at(35 + 50 * x, 35 + 50 * y);
        const bool other = others && random.uniform(0, 3) == 0;
        cv::circle(picture, at, other ? 5 : 12, cv::Scalar(200, 210, 220), cv::FILLED);
        if (!other) cv::circle(labels, at, 12, ++label, cv::FILLED);
      }
    const std::string stem = "set/disc/" + std::string(i < 10 ? "0" : "") + std::to_string(i);
    work.save(stem + ".bmp", picture);
    work.save(stem + (i == 0 ? ".png" : "_instances.png"), i == 0 ? cv::Mat(labels == 1) : labels);
  }
}

double f1(const Workspace& work, const std::string& arguments = "") {
  const Outcome outcome = work.run("eval set --models classic --json e.json " + arguments);
  INFO(outcome.err);
  REQUIRE(outcome.exit == 0);
  return json::parse(read_text(work / "e.json"))["mean"]["f1"];
}

}  // namespace

TEST_CASE("persense calibrate: a threshold that leaves out what is not wanted is chosen, and told",
          "[cli][calibrate]") {
  const Workspace work;
  save_set(work, true);
  const Outcome outcome = work.run("calibrate set --models classic -o s.json");
  INFO(outcome.err << outcome.out);
  REQUIRE(outcome.exit == 0);
  CHECK_THAT(outcome.out, ContainsSubstring("F1 on images left out of the choice: ") &&
                              ContainsSubstring("12 query images of 1 class"));
  const json file = json::parse(read_text(work / "s.json"));
  CHECK(file["format"] == 1);
  const json& measured = file["measured"];
  CHECK(measured["better"] == true);
  CHECK(measured["interval"][0] > 0.0);
  CHECK(measured["gain"] > 0.05);
  CHECK(measured["stages"] == "encoder classic, detector classic, dmg classic, decoder classic");
  const double before = f1(work), after = f1(work, "--settings s.json");
  CHECK(before == Approx(measured["f1_default"].get<double>()).margin(1e-9));
  CHECK(after > before + 0.05);
  // on any number of threads
  REQUIRE(work.run("calibrate set --models classic -o again.json --jobs 3").exit == 0);
  CHECK(read_text(work / "again.json") == read_text(work / "s.json"));
}

TEST_CASE("persense calibrate: where nothing is better, the defaults are written and it says so",
          "[cli][calibrate]") {
  const Workspace work;
  save_set(work, false);
  const Outcome outcome = work.run("calibrate set --models classic -o s.json --folds 3");
  INFO(outcome.err << outcome.out);
  REQUIRE(outcome.exit == 0);
  CHECK_THAT(outcome.out,
             ContainsSubstring("No setting is better than the defaults by more than chance"));
  const json file = json::parse(read_text(work / "s.json"));
  CHECK(file["measured"]["better"] == false);
  CHECK(file["options"] == json({{"filter.min_score", 0},
                                 {"filter.min_area_ratio", 0},
                                 {"detection.threshold", 0.15},
                                 {"ppsm.norm_const", 1.4142135}}));
}

TEST_CASE("persense calibrate: of too few images nothing is chosen", "[cli][calibrate][errors]") {
  const Workspace work;
  save_set(work, false, 9);
  const Outcome outcome = work.run("calibrate set --models classic -o s.json");
  CHECK(outcome.exit == 2);
  CHECK(outcome.error_lines() == 1);
  CHECK_THAT(outcome.err, ContainsSubstring("set: 9 query images with the truth of each object, "
                                            "expected 10 or more: what fewer say is chance"));
  CHECK_FALSE(fs::exists(work / "s.json"));
  save_set(work, false);
  const Outcome nowhere = work.run("calibrate set --models classic -o none/s.json");
  CHECK(nowhere.exit == 4);
  CHECK(nowhere.error_lines() == 1);
  CHECK_THAT(nowhere.err, !ContainsSubstring("[1/"));
  const Outcome baseline = work.run("calibrate set -o s.json --method otsu");
  CHECK(baseline.exit == 2);
  CHECK_THAT(baseline.err, ContainsSubstring("--method otsu: has no thresholds to choose"));
}

TEST_CASE("persense: --settings sets options, over which --set wins", "[cli][settings]") {
  const Workspace work;
  work.save_text("s.json", R"({"format": 1, "options": {"idm.threshold": 77, "mini.same": 0.4},
                               "measured": {"stages": "encoder mini"}})");
  const Outcome table = work.run("options --settings s.json");
  CHECK_THAT(table.out, ContainsSubstring("idm.threshold                 77") &&
                            ContainsSubstring("mini.same                     0.4"));
  CHECK_THAT(work.run("options --settings s.json --set idm.threshold=78").out,
             ContainsSubstring("idm.threshold                 78"));
  CHECK_THAT(work.run("options --set idm.threshold=78 --settings s.json").out,
             ContainsSubstring("idm.threshold                 78"));
  work.save("q.png", discs(3, 2));
  const Outcome other = work.segment("q.png -o out --settings s.json");
  CHECK(other.exit == 0);
  CHECK_THAT(other.err,
             ContainsSubstring("note: s.json: was made for other stages (encoder mini)"));
  work.save_text("s.json", R"({"format": 1, "options": {"idm.treshold": 77}})");
  const Outcome refused = work.segment("q.png -o new --settings s.json");
  CHECK(refused.exit == 2);
  CHECK(refused.error_lines() == 1);
  CHECK_THAT(refused.err, ContainsSubstring("s.json: option idm.treshold: unknown"));
  CHECK(work.segment("q.png -o new --settings none.json").exit == 3);
}
