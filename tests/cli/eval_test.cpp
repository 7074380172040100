// persense eval on data sets of other formats than PerSense-D's.
#include <nlohmann/json.hpp>
#include <string>

#include "catch.hpp"
#include "workspace.hpp"

using namespace persense::test;
using Catch::Matchers::ContainsSubstring;
using nlohmann::json;

namespace {

/// Three images of 6 to 12 discs, and a file that outlines them with 36 vertices each.
void save_coco(const Workspace& work) {
  json coco = {{"categories", {{{"id", 4}, {"name", "disc"}}}}};
  int id = 0;
  for (int i = 1; i <= 3; ++i) {
    const std::string name = std::to_string(i) + ".png";
    const cv::Mat picture = discs(3, 1 + i);
    work.save("set/" + name, picture);
    coco["images"].push_back(
        {{"id", i}, {"file_name", name}, {"width", picture.cols}, {"height", picture.rows}});
    for (int y = 0; y < 1 + i; ++y)
      for (int x = 0; x < 3; ++x) {
        std::vector<double> outline;
        for (int v = 0; v < 36; ++v) {
          outline.push_back(35.5 + 50 * x + 12.5 * std::cos(v * CV_PI / 18));
          outline.push_back(35.5 + 50 * y + 12.5 * std::sin(v * CV_PI / 18));
        }
        coco["annotations"].push_back({{"id", ++id},
                                       {"image_id", i},
                                       {"category_id", 4},
                                       {"iscrowd", 0},
                                       {"segmentation", {outline}}});
      }
  }
  work.save_text("set/coco.json", coco.dump());
}

}  // namespace

TEST_CASE("persense eval: a COCO file's objects are found, and every score says so",
          "[cli][eval]") {
  const Workspace work;
  save_coco(work);
  const Outcome outcome =
      work.run("eval set --models classic --intervals images --json scores.json");
  INFO(outcome.err << outcome.out);
  REQUIRE(outcome.exit == 0);
  CHECK_THAT(outcome.err, ContainsSubstring("[2/2]"));
  CHECK_THAT(outcome.out, ContainsSubstring("AP75") && ContainsSubstring("FB-IoU") &&
                              ContainsSubstring("RMSE") && ContainsSubstring("  from"));
  const json scores = json::parse(read_text(work / "scores.json"));
  const json& mean = scores["mean"];
  CHECK(mean["f1"] == 1.0);
  CHECK(mean["ap50"].get<double>() > 0.999);
  CHECK(mean["iou"].get<double>() > 0.8);
  CHECK(mean["fb_iou"].get<double>() > 0.85);
  CHECK(mean["count_rmse"] == 0.0);
  CHECK(scores["intervals"]["over"] == "images");
  CHECK(scores["dataset"]["format"] == "coco");
}

TEST_CASE("persense eval: the episodes of a list are run again", "[cli][eval]") {
  const Workspace work;
  save_coco(work);
  const std::string run =
      "eval set/coco.json --models classic --intervals off --episode-list e.json";
  const Outcome first = work.run(run + " --episodes 4 --seed 9 --json a.json");
  INFO(first.err);
  REQUIRE(first.exit == 0);
  CHECK_THAT(first.err, ContainsSubstring("[4/4]"));
  REQUIRE(work.run(run + " --jobs 2 --json b.json").exit == 0);
  json a = json::parse(read_text(work / "a.json")), b = json::parse(read_text(work / "b.json"));
  for (json* scores : {&a, &b}) {
    (*scores)["mean"].erase("seconds_per_image");
    (*scores)["classes"]["disc"].erase("seconds_per_image");
    scores->erase("dataset");
  }
  CHECK(a == b);
  const Outcome other = work.run(run + " --seed 8");
  CHECK(other.exit == 2);
  CHECK_THAT(other.err, ContainsSubstring("--seed: got 8, expected 9 as the episode list"));
}

TEST_CASE("persense eval: a broken annotation is told, or ends the run", "[cli][eval][errors]") {
  const Workspace work;
  save_coco(work);
  json coco = json::parse(read_text(work / "set/coco.json"));
  coco["annotations"][6]["segmentation"] = {{1, 2, 3, 4}};
  work.save_text("set/coco.json", coco.dump());
  const Outcome skipped = work.run("eval set --models classic --json s.json");
  INFO(skipped.err);
  REQUIRE(skipped.exit == 0);
  CHECK_THAT(skipped.err, ContainsSubstring("note: left out: set/coco.json: annotation 7: "));
  CHECK(json::parse(read_text(work / "s.json"))["dataset"]["broken"].size() == 1);
  const Outcome failed = work.run("eval set --models classic --broken fail");
  CHECK(failed.exit == 3);
  CHECK(failed.error_lines() == 1);
  CHECK_THAT(failed.err, ContainsSubstring("coco.json: annotation 7: a polygon of 4 values"));
  CHECK(work.run("eval set --broken maybe").exit == 2);
  CHECK(work.run("eval set --format voc").exit == 2);
  CHECK(work.run("eval set --intervals pixels").exit == 2);
}

TEST_CASE("persense eval: --released counts as the paper's script does", "[cli][eval]") {
  const Workspace work;
  const cv::Mat picture = discs(3, 2);
  for (const std::string stem : {"set/discs/00", "set/discs/01", "set/discs/100"}) {
    work.save(stem + ".jpg", picture);
    work.save(stem + ".png", disc_mask(picture));
  }
  const Outcome outcome = work.run("eval set --models classic --released --json s.json");
  INFO(outcome.err << outcome.out);
  REQUIRE(outcome.exit == 0);
  CHECK_THAT(outcome.out, ContainsSubstring("IoU as the released script counts it"));
  const json discs = json::parse(read_text(work / "s.json"))["classes"]["discs"];
  CHECK(discs["images"] == 2);  // of which the script skips "100"
  CHECK(discs["released_iou"].get<double>() == Approx(discs["iou"].get<double>()).epsilon(1e-6));
}

TEST_CASE("persense eval: --report writes one page with the scores of --json", "[cli][eval]") {
  const Workspace work;
  save_coco(work);
  const std::string run =
      "eval set --models classic --intervals images --seed 4 --set idm.threshold=31";
  const Outcome outcome = work.run(run + " --jobs 2 --json s.json --report r.html");
  INFO(outcome.err << outcome.out);
  REQUIRE(outcome.exit == 0);
  const std::string page = read_text(work / "r.html");
  const std::size_t begin = page.find('{', page.find("id=\"data\""));
  const json data = json::parse(page.substr(begin, page.find("</script>", begin) - begin));
  json scores = json::parse(read_text(work / "s.json"));
  scores["mean"].erase("seconds_per_image");
  scores["classes"]["disc"].erase("seconds_per_image");
  for (const char* const part : {"classes", "mean", "intervals"}) {
    INFO(part);
    CHECK(data["scores"][part] == scores[part]);
  }
  CHECK(data["title"] == "set");
  CHECK(data["images"].size() == 2);
  CHECK(data["images"][0]["figure"] == true);
  const std::string facts = data["facts"].dump();
  CHECK_THAT(facts, ContainsSubstring(R"(["format","coco"],["seed","4"])") &&
                        ContainsSubstring("encoder classic") &&
                        ContainsSubstring(R"("idm.threshold=31")"));
  // with and without a page the scores are the same, and so is what is printed but for the seconds
  REQUIRE(work.run(run + " --json t.json").exit == 0);
  const json without = json::parse(read_text(work / "t.json"));
  CHECK(without["mean"]["ap"] == scores["mean"]["ap"]);
  CHECK(without["intervals"] == scores["intervals"]);
}

TEST_CASE("persense eval: a report that cannot be written is refused before the first query",
          "[cli][eval][errors]") {
  const Workspace work;
  save_coco(work);
  const Outcome missing = work.run("eval set --models classic --report no/r.html");
  CHECK(missing.exit == 4);
  CHECK(missing.error_lines() == 1);
  CHECK_THAT(missing.err, ContainsSubstring("no/r.html: cannot write: No such file") &&
                              !ContainsSubstring("[1/2]"));
  CHECK(work.run("eval set --models classic --report set").exit == 4);
  // what goes wrong later leaves nothing
  const Outcome full = work.run("eval set --models classic --report /dev/full");
  CHECK(full.exit == 4);
  CHECK(full.error_lines() == 1);
  work.truncate("set/2.png");
  const Outcome failed =
      work.shell("mkdir out; \"$P\" eval set --models classic --report out/r.html");
  CHECK(failed.exit == 3);
  CHECK(fs::is_empty(work / "out"));
}
