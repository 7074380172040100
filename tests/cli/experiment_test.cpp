// persense experiment: the files in benchmarks/experiments, their tables, and runs that go on.
#include <nlohmann/json.hpp>
#include <set>

#include "catch.hpp"
#include "workspace.hpp"

using namespace persense::test;
using Catch::Matchers::ContainsSubstring;
using nlohmann::json;

namespace {

const fs::path experiments = fs::path(PERSENSE_SOURCE_DIR) / "benchmarks" / "experiments";

/// Two classes of discs with two queries each, in PerSense-D's layout.
void save_set(const Workspace& work, const std::string& folder = "set") {
  for (const std::string name : {"bright", "dim"})
    for (int i = 0; i < 3; ++i) {
      const cv::Mat picture = discs(3, 2 + i) * (name == "dim" ? 0.6 : 1.0);
      cv::Mat labels = cv::Mat::zeros(picture.size(), CV_16UC1);
      for (int d = 0; d < 3 * (2 + i); ++d)
        cv::circle(labels, {35 + 50 * (d % 3), 35 + 50 * (d / 3)}, 12, d + 1, cv::FILLED);
      const std::string stem = folder + "/" + name + "/0" + std::to_string(i);
      work.save(stem + ".bmp", picture);
      work.save(stem + (i == 0 ? ".png" : "_instances.png"),
                i == 0 ? cv::Mat(labels == 1) : labels);
    }
}

/// An experiment of `variants` detection thresholds.
json thresholds(int variants) {
  json experiment = {
      {"format", 1},
      {"title", "Thresholds"},
      {"source", "PerSense, somewhere"},
      {"columns", {"iou", "f1"}},
      {"paper",
       {{{"name", "p"}, {"data_set", "PerSense-D"}, {"measure", "iou"}, {"source", "table 9"}}}}};
  for (int v = 0; v < variants; ++v)
    experiment["variants"].push_back({{"name", "t" + std::to_string(v)},
                                      {"set", {{"detection.threshold", 0.1 + 0.01 * v}}},
                                      {"paper", {{"p", 61.5}}}});
  return experiment;
}

const std::string run_set = "experiment e.json set -o out --models classic ";

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

json record(const Workspace& work, const std::string& variant) {
  return json::parse(read_text(work / ("out/e/" + variant + "@set.json")));
}

}  // namespace

TEST_CASE("persense experiment: every experiment of the paper gives its table, plot and records",
          "[cli][experiment]") {
  const Workspace work;
  save_set(work);
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(experiments)) {
    if (entry.path().extension() != ".json") continue;
    const std::string name = entry.path().stem().string();
    names.insert(name);
    INFO(name);
    const json file = json::parse(read_text(entry.path()));
    const Outcome outcome =
        work.run("experiment '" + entry.path().string() + "' set -o out --models classic --jobs 2");
    INFO(outcome.err);
    REQUIRE(outcome.exit == 0);
    const std::string table = read_text(work / ("out/" + name + ".md"));
    CHECK(outcome.out == table);
    CHECK_THAT(table, ContainsSubstring("# " + file["title"].get<std::string>() + "\n\n" +
                                        file["source"].get<std::string>() +
                                        ". Measured here: set (4 images of 2 classes).\n"));
    const bool by_class = file.value("rows", "") == "classes";
    const std::string csv = read_text(work / ("out/" + name + ".csv"));
    for (const json& variant : file["variants"]) {
      const std::string called = variant["name"];
      CHECK_THAT(table, ContainsSubstring(by_class ? ", " + called + " |" : "| " + called + " |"));
      CHECK_THAT(csv, ContainsSubstring(
                          "\n" + (called.find(',') == called.npos ? called : "\"" + called + "\"") +
                          ",set,,mean,4,"));
    }
    for (const json& quoted : file.value("quoted", json::array()))
      CHECK_THAT(table,
                 ContainsSubstring("| " + quoted["name"].get<std::string>() + " (quoted) |"));
    for (const char* about :
         {"- version: persense ",
          "- stages: encoder, detector, dmg, decoder: "
          "classic (cpu, fp32)",
          "- models: none", "- options of ", "- machine: ", "- conditions: 2 images at once"})
      CHECK_THAT(table, ContainsSubstring(about));
    CHECK(work.files("out/" + name).size() == file["variants"].size());
    const cv::Mat plot = cv::imread((work / ("out/" + name + ".png")).string());
    CHECK(plot.cols == 960);
  }
  CHECK(names == std::set<std::string>{"classes", "components", "detection_threshold", "efficiency",
                                       "feedback_iterations", "methods", "norm_const", "shots"});
}

TEST_CASE("persense experiment: the tables of the paper hold its figures", "[cli][experiment]") {
  const Workspace work;
  save_set(work, "PerSense-D");
  const auto table = [&](const std::string& name) {
    const Outcome outcome = work.run("experiment '" + (experiments / name).string() +
                                     ".json' PerSense-D -o out --models classic");
    INFO(outcome.err);
    REQUIRE(outcome.exit == 0);
    return outcome.out;
  };
  // beside what is measured on a set of that name
  CHECK_THAT(table("norm_const"),
             ContainsSubstring("| mIoU % | difference from sqrt 2 | mIoU %, paper (PerSense-D, "
                               "table 2b) | F1 %"));
  CHECK_THAT(table("norm_const"), ContainsSubstring(" - | 70.96 | 100.00 |"));
  const std::string methods = table("methods");
  CHECK_THAT(methods, ContainsSubstring("| MIANet (quoted) | - | - | - | - | 42.4 | 52.9 | 47.7 | "
                                        "47.4 | 47.6 | - |\n"));
  CHECK_THAT(methods, ContainsSubstring("| SegGPT (quoted) | - | 55.50 | - | - | 56.3 | 57.4 | "
                                        "58.9 | 51.7 | 56.1 | 18.6 |\n"));
}

TEST_CASE("persense experiment: scores are those of eval, on any number of jobs",
          "[cli][experiment]") {
  const Workspace work;
  save_set(work);
  json experiment = thresholds(1);
  experiment["variants"].push_back(
      {{"name", "other"}, {"method", "otsu"}, {"mark", "box"}, {"examples", 2}});
  work.save_text("e.json", experiment.dump());
  REQUIRE(work.run(run_set + "--jobs 3 --set filter.min_score=0.1").exit == 0);
  const auto scores = [&](const std::string& flags) {
    REQUIRE(work.run("eval set --models classic --set filter.min_score=0.1 --json s.json " + flags)
                .exit == 0);
    return json::parse(read_text(work / "s.json"))["mean"];
  };
  const json threshold = scores("--set detection.threshold=0.1"),
             other = scores("--method otsu --mark box --examples 2");
  for (const char* key : {"iou", "f1", "pq", "images", "found"}) {
    CHECK(record(work, "t0")["mean"][key] == threshold[key]);
    CHECK(record(work, "other")["mean"][key] == other[key]);
  }
  CHECK(threshold["f1"] == 1.0);
}

TEST_CASE("persense experiment: a record says what was run, on what, and what each image gave",
          "[cli][experiment]") {
  const Workspace work;
  save_set(work);
  work.save_text("e.json", thresholds(1).dump());
  REQUIRE(work.run(run_set).exit == 0);
  const json r = record(work, "t0");
  CHECK(r["run"]["version"] == PERSENSE_PROJECT_VERSION);
  CHECK(r["run"]["options"]["detection.threshold"] == "0.1");
  CHECK(r["run"]["stages"]["decoder"] == "classic");
  CHECK(r["run"]["data_set"]["queries"] == 4);
  CHECK_THAT(r["machine"].get<std::string>(),
             ContainsSubstring("core") && ContainsSubstring("GiB"));
  REQUIRE(r["images"].size() == 4);
  CHECK(r["images"][3]["class"] == "dim");
  CHECK(r["images"][3]["truth"] == 12);
  CHECK(r["images"][3]["matched"][0] == 12);
  CHECK(r["images"][3]["seconds"].get<double>() > 0);
  CHECK(r["mean"]["memory_mb"].get<double>() > 5);
  CHECK(r["mean"]["memory_mb"].get<double>() < 5000);
}

TEST_CASE("persense experiment: --resume repeats no run that is the same, and gives the same bytes",
          "[cli][experiment][resume]") {
  const Workspace work;
  save_set(work);
  json experiment = thresholds(3);
  work.save_text("e.json", experiment.dump());
  const Outcome first = work.run(run_set);
  REQUIRE(first.exit == 0);
  CHECK_THAT(first.err, ContainsSubstring("[1/12] ") && ContainsSubstring("[12/12] "));
  const auto files = work.files("out");
  const Outcome again = work.run(run_set + "--resume");
  REQUIRE(again.exit == 0);
  CHECK(count_of(again.err, ": was measured before") == 3);
  CHECK_THAT(again.err, !ContainsSubstring("/12] "));
  CHECK(work.files("out") == files);
  // of another option, only that variant
  experiment["variants"][1]["set"]["detection.threshold"] = 0.2;
  work.save_text("e.json", experiment.dump());
  const Outcome changed = work.run(run_set + "--resume");
  REQUIRE(changed.exit == 0);
  CHECK(count_of(changed.err, ": was measured before") == 2);
  CHECK_THAT(changed.err, ContainsSubstring("[5/12] ") && !ContainsSubstring("[1/12] "));
  // another data set, other options for all, or no --resume: everything
  work.save("set/dim/02.bmp", discs(3, 4) * 0.5);
  CHECK_THAT(work.run(run_set + "--resume").err, !ContainsSubstring("was measured before"));
  CHECK_THAT(work.run(run_set + "--resume --set idm.threshold=31").err,
             !ContainsSubstring("was measured before"));
  CHECK_THAT(work.run(run_set + "--set idm.threshold=31").err,
             !ContainsSubstring("was measured before"));
}

TEST_CASE("persense experiment: one that was killed, or interrupted, goes on",
          "[cli][experiment][resume]") {
  for (const std::string signal : {"KILL", "TERM"}) {
    INFO(signal);
    const Workspace work;
    save_set(work);
    work.save_text("e.json", thresholds(30).dump());
    const Outcome killed = work.shell("\"$P\" " + run_set +
                                      "& pid=$!\n"
                                      "until [ -e out/e/t1@set.json ]; do sleep 0.01; done\n"
                                      "kill -" +
                                      signal + " $pid; wait $pid");
    INFO(killed.err);
    CHECK(killed.exit == (signal == "KILL" ? 137 : 130));
    CHECK_FALSE(fs::exists(work / "out/e.md"));
    CHECK_FALSE(fs::exists(work / "out/e/t29@set.json"));
    if (signal == "TERM") {
      CHECK(killed.error_lines() <= 1);  // none where the run had not begun
      CHECK_THAT(killed.err, ContainsSubstring("--resume"));
    }
    const Outcome resumed = work.run(run_set + "--resume");
    INFO(resumed.err);
    REQUIRE(resumed.exit == 0);
    CHECK(count_of(resumed.err, ": was measured before") >= 2);
    CHECK(count_of(resumed.err, ": was measured before") < 30);
    CHECK(work.files("out").size() == 32);  // a record each, and two tables: nothing is left over
  }
}

TEST_CASE("persense experiment: a damaged record is measured again", "[cli][experiment][resume]") {
  const Workspace work;
  save_set(work);
  work.save_text("e.json", thresholds(2).dump());
  REQUIRE(work.run(run_set).exit == 0);
  work.truncate("out/e/t0@set.json");
  const Outcome again = work.run(run_set + "--resume");
  REQUIRE(again.exit == 0);
  CHECK(count_of(again.err, ": was measured before") == 1);
  CHECK(record(work, "t0")["images"].size() == 4);
}

TEST_CASE("persense experiment: what cannot be run is refused in one line, and nothing is written",
          "[cli][experiment][errors]") {
  const Workspace work;
  save_set(work);
  const auto refused = [&](const json& experiment, int exit, const std::string& line,
                           const std::string& arguments = run_set) {
    work.save_text("e.json", experiment.dump());
    const Outcome outcome = work.run(arguments);
    INFO(outcome.err);
    CHECK(outcome.exit == exit);
    CHECK(outcome.error_lines() == 1);
    CHECK(outcome.lines() == 1);
    CHECK_THAT(outcome.err, ContainsSubstring(line));
    CHECK_FALSE(fs::exists(work / "out"));
  };
  json experiment = thresholds(2);
  experiment["variants"][1]["set"] = {{"detection.treshold", 0.2}};
  refused(experiment, 2,
          "e.json: /variants/1/set/detection.treshold: unknown option; did you mean "
          "detection.threshold?");
  experiment = thresholds(2);
  experiment["variants"][1]["sets"] = 1;
  refused(experiment, 3, "e.json: /variants/1/sets: unknown; did you mean set?");
  experiment = thresholds(2);
  experiment["variants"][0]["name"] = "t/0";
  experiment["variants"][1]["name"] = "t:0";
  refused(experiment, 2, "variant \"t:0\": another one has this name but for what file names");
  refused(thresholds(0), 3, "e.json: /variants: missing");
  refused(thresholds(2), 2, "DATASET: got two with the name set, expected NAME=PATH",
          run_set + "set");
  refused(thresholds(2), 3, "none: ", "experiment e.json x=none -o out");
  refused(thresholds(2), 2, "--set: got \"x\"", run_set + "--set x");
  const Outcome usage = work.run("experiment");
  CHECK(usage.exit == 2);
  CHECK(usage.error_lines() == 1);
}

TEST_CASE("persense experiment: an error in a run ends it with the run's exit code",
          "[cli][experiment][errors]") {
  const Workspace work;
  save_set(work);
  work.save_text("e.json", thresholds(2).dump());
  work.truncate("set/bright/02.bmp");
  const Outcome outcome = work.run(run_set);
  INFO(outcome.err);
  CHECK(outcome.exit == 3);
  CHECK(outcome.error_lines() == 1);
  CHECK_THAT(outcome.err, ContainsSubstring("02.bmp"));
  CHECK_FALSE(fs::exists(work / "out/e.md"));
}
