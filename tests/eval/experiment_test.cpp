#include "persense/eval/experiment.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "io/scratch.hpp"
#include "persense/error.hpp"

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;
using namespace persense;
using namespace persense::test;
using nlohmann::json;

namespace {

/// Two variants, of which one is published, and a system that only the paper ran.
json two_variants() {
  return {{"format", 1},
          {"title", "Shots"},
          {"source", "PerSense, table 2c"},
          {"columns", {"iou", "seconds"}},
          {"reference", "1 shot"},
          {"paper",
           {{{"name", "table"},
             {"data_set", "PerSense-D"},
             {"measure", "iou"},
             {"source", "table 2c"}}}},
          {"variants",
           {{{"name", "1 shot"}, {"x", 1}, {"set", {{"feedback.shots", 1}}}},
            {{"name", "4 shots"},
             {"x", 4},
             {"set", {{"feedback.shots", 4}, {"idm.mode", "hybrid"}}},
             {"examples", 2},
             {"paper", {{"table", 70.96}}}}}},
          {"quoted", {{{"name", "Other|one"}, {"paper", {{"table", 60.5}}}}}},
          {"plot", {{"kind", "lines"}, {"measure", "iou"}, {"x_title", "shots"}}},
          {"notes", {"A note."}}};
}

class File : public Scratch {
 public:
  eval::Experiment read(const json& content) const {
    const std::string text = content.dump();
    put_bytes(*this / "shots.json", Bytes(text.begin(), text.end()));
    return eval::read_experiment(*this / "shots.json");
  }
  /// What is said of the file when the member that `pointer` names has this value.
  template <class Exception>
  std::string refusal(const std::string& pointer, const json& value) const {
    json content = two_variants();
    content[json::json_pointer(pointer)] = value;
    const std::string line = message_of<Exception>([&] { read(content); });
    CHECK_THAT(line, ContainsSubstring("shots.json: "));
    CHECK_THAT(line, !ContainsSubstring("\n"));
    return line;
  }
};

/// Both variants on a data set of `classes` classes, the second a tenth better.
std::vector<eval::ExperimentRun> runs_on(const std::string& data_set, int classes,
                                         std::optional<int> fold = {}) {
  std::vector<eval::ExperimentRun> runs;
  for (std::size_t v = 0; v < 2; ++v) {
    const double iou = 0.5 + 0.1 * static_cast<double>(v);
    eval::ExperimentRun run{v,
                            data_set,
                            fold,
                            3 * classes,
                            {{"iou", iou}, {"seconds", 1.25}},
                            {},
                            {{"version", "persense 0"}, {"options", v == 0 ? "a=1" : "a=4"}}};
    for (int c = 0; c < classes; ++c)
      run.classes.emplace_back("class " + std::to_string(c), eval::Measured{{"iou", iou}});
    runs.push_back(std::move(run));
  }
  return runs;
}

}  // namespace

TEST_CASE("experiment: a file says what is run and what was published", "[eval][experiment]") {
  const File file;
  const eval::Experiment experiment = file.read(two_variants());
  CHECK(experiment.name == "shots");
  REQUIRE(experiment.variants.size() == 2);
  const auto& variant = experiment.variants[1];
  CHECK(variant.settings == std::vector<std::pair<std::string, std::string>>{
                                {"feedback.shots", "4"}, {"idm.mode", "hybrid"}});
  CHECK(variant.examples == 2);
  CHECK(variant.preset == "paper");
  CHECK(variant.published.at("table") == 70.96);
  CHECK(experiment.quoted[0].published.at("table") == 60.5);
  CHECK(experiment.plot->lines);
}

TEST_CASE("experiment: what is wrong with a file is said in one line that names the member",
          "[eval][experiment][errors]") {
  const File file;
  const auto unreadable = [&](const char* pointer, const json& value) {
    return file.refusal<Unreadable>(pointer, value);
  };
  const auto invalid = [&](const char* pointer, const json& value) {
    return file.refusal<InvalidArgument>(pointer, value);
  };
  CHECK_THAT(unreadable("/format", 2), EndsWith("/format: got 2, expected a whole number from 1 "
                                                "to 1"));
  CHECK_THAT(unreadable("/varients", 1), EndsWith("/varients: unknown; did you mean variants?"));
  CHECK_THAT(unreadable("/variants", json::array()),
             EndsWith("/variants: got [], expected one variant at least"));
  CHECK_THAT(unreadable("/variants", "all"), EndsWith("/variants: got \"all\", expected a list"));
  CHECK_THAT(unreadable("/variants/1/sets", 1),
             EndsWith("/variants/1/sets: unknown; did you mean set?"));
  CHECK_THAT(unreadable("/variants/0/name", 4),
             EndsWith("/variants/0/name: got 4, expected a text"));
  CHECK_THAT(unreadable("/variants/1/examples", 0),
             EndsWith("/variants/1/examples: got 0, expected a whole number from 1 to 100"));
  CHECK_THAT(unreadable("/variants/1/method", "persens"),
             EndsWith("/variants/1/method: got \"persens\"; did you mean persense?"));
  CHECK_THAT(unreadable("/variants/1/paper/tables", 7.0),
             EndsWith("/variants/1/paper/tables: unknown; did you mean table?"));
  CHECK_THAT(unreadable("/columns/1", "second"),
             EndsWith("/columns/1: got \"second\"; did you mean seconds?"));
  CHECK_THAT(unreadable("/plot/measure", "pq"), ContainsSubstring("/plot/measure: got \"pq\"; "));
  CHECK_THAT(unreadable("/variants/1/x", nullptr),
             EndsWith("/variants/1/x: got null, expected a number"));
  CHECK_THAT(unreadable("/reference", "2 shot"),
             EndsWith("/reference: got \"2 shot\"; did you mean 1 shot?"));
  CHECK_THAT(invalid("/variants/0/set/idm.treshold", 20),
             EndsWith("/variants/0/set/idm.treshold: unknown option; did you mean "
                      "idm.threshold?"));
  CHECK_THAT(invalid("/variants/0/set/feedback.shots", "four"),
             EndsWith("/variants/0/set/feedback.shots: option feedback.shots: got \"four\", "
                      "expected a number"));
  CHECK_THAT(invalid("/variants/0/set/feedback.shots", 65),
             ContainsSubstring("got 65, expected 1 to 64"));
  CHECK_THAT(invalid("/variants/0/preset", "papers"),
             ContainsSubstring("/variants/0/preset: preset: got \"papers\""));
  CHECK_THAT(invalid("/variants/1/name", "1 shot"),
             EndsWith("/variants/1: \"1 shot\" is there twice"));
  json content = two_variants();
  content.erase("title");
  CHECK_THAT(message_of<Unreadable>([&] { file.read(content); }), EndsWith("/title: missing"));
  CHECK_THAT(message_of<Unreadable>([&] { file.read(json::array()); }),
             EndsWith("not an experiment file, expected an object"));
  CHECK_THROWS_AS(eval::read_experiment(file / "none.json"), FileNotFound);
}

TEST_CASE("experiment: the paper's column stands beside what is measured on a set of its name",
          "[eval][experiment]") {
  const File file;
  const eval::Experiment experiment = file.read(two_variants());
  const std::string table = eval::to_markdown(experiment, runs_on("PerSense-D", 2));
  CHECK_THAT(table, ContainsSubstring("# Shots\n\nPerSense, table 2c. Measured here: PerSense-D (6 "
                                      "images of 2 classes).\n"));
  CHECK_THAT(table, ContainsSubstring(
                        "|  | mIoU % | difference from 1 shot | mIoU %, paper (PerSense-D, table "
                        "2c) | s / image |\n"
                        "|---|--:|--:|--:|--:|\n"
                        "| 1 shot | 50.00 | - | - | 1.25 |\n"
                        "| 4 shots | 60.00 | +10.00 | 70.96 | 1.25 |\n"
                        "| Other\\|one (quoted) | - | - | 60.50 | - |\n"));
  CHECK_THAT(table, ContainsSubstring("\nA note.\n"));
  CHECK_THAT(table, ContainsSubstring("- version: persense 0\n- options of 1 shot: a=1\n- options "
                                      "of 4 shots: a=4\n"));
  // elsewhere it stands behind, and five classes give an interval
  CHECK_THAT(eval::to_markdown(experiment, runs_on("mine", 5)),
             ContainsSubstring("| 4 shots | 60.00 | +10.00 (+10.00, +10.00) | 1.25 | 70.96 |\n"));
}

TEST_CASE("experiment: folds have their mean, and classes their own lines", "[eval][experiment]") {
  const File file;
  json content = two_variants();
  content.erase("reference");
  content["paper"][0]["data_set"] = "COCO-20i";
  std::vector<eval::ExperimentRun> runs = runs_on("COCO-20i", 1, 0);
  for (auto& run : runs_on("COCO-20i", 1, 1)) {
    run.mean["iou"] += 0.2;
    runs.push_back(run);
  }
  CHECK_THAT(eval::to_markdown(file.read(content), runs),
             ContainsSubstring("| 4 shots | 60.00 | 1.25 | 80.00 | 1.25 | 70.00 | 70.96 | 1.25 "
                               "|\n"));
  content["rows"] = "classes";
  CHECK_THAT(eval::to_markdown(file.read(content), runs_on("mine", 2)),
             ContainsSubstring("| class | IoU %, 1 shot | IoU %, 4 shots |") &&
                 ContainsSubstring("| class 1 | 50.00 | 60.00 |") &&
                 ContainsSubstring("| mean | 50.00 | 60.00 |"));
}

TEST_CASE("experiment: CSV has a line for every mean and class, published scores as parts of 1",
          "[eval][experiment]") {
  const File file;
  const std::string csv = eval::to_csv(file.read(two_variants()), runs_on("mine", 1));
  CHECK(csv ==
        "variant,data_set,fold,class,images,iou,seconds,paper table PerSense-D iou,version,"
        "options\n"
        "1 shot,mine,,mean,3,0.5,1.25,,persense 0,a=1\n"
        "1 shot,mine,,class 0,,0.5,,,persense 0,a=1\n"
        "4 shots,mine,,mean,3,0.6,1.25,0.7096,persense 0,a=4\n"
        "4 shots,mine,,class 0,,0.6,,,persense 0,a=4\n"
        "Other|one,,,mean,,,,0.605,,\n");
}

TEST_CASE("experiment: a plot has a line for each data set and published column",
          "[eval][experiment]") {
  const File file;
  json content = two_variants();
  const io::Plot lines = eval::to_plot(file.read(content), runs_on("mine", 1));
  REQUIRE(lines.series.size() == 2);
  CHECK(lines.series[0].name == "mine");
  CHECK(lines.series[0].x == std::vector<double>{1, 4});
  CHECK(lines.series[0].y == std::vector<double>{50, 60});
  CHECK(lines.series[1].published);
  CHECK(std::isnan(lines.series[1].y[0]));
  CHECK(lines.series[1].y[1] == 70.96);
  CHECK(lines.captions == std::vector<std::string>{"PerSense, table 2c", "persense 0"});
  content["plot"] = {{"kind", "bars"}, {"measure", "iou"}};
  const io::Plot bars = eval::to_plot(file.read(content), runs_on("mine", 1));
  CHECK(bars.categories == std::vector<std::string>{"1 shot", "4 shots", "Other|one"});
  CHECK(bars.series[1].y[2] == 60.5);
  // of folds their mean
  content["data_sets"] = {{{"name", "mine"}, {"folds", 1}}};
  const io::Plot folds = eval::to_plot(file.read(content), runs_on("mine", 1, 0));
  REQUIRE(folds.series.size() == 2);
  CHECK(folds.series[0].name == "mine");
}
