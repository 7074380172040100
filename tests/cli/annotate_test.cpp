// persense annotate: outlines for people to correct, and back as a data set.
#include <functional>
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "persense/eval/metrics.hpp"
#include "persense/io/images.hpp"
#include "workspace.hpp"

using namespace persense;
using namespace persense::test;
using Catch::Matchers::ContainsSubstring;
using nlohmann::json;

namespace {

/// Three images of 6, 9 and 12 discs, outlined: todo/0_labelme.json and so on, todo/instances.json.
class Annotated : public Workspace {
 public:
  Annotated() {
    for (int i = 0; i < 3; ++i) save("q/" + std::to_string(i) + ".png", discs(3, 2 + i));
    const Outcome outcome = run(
        "annotate q --models classic --class disc --support support.png --mask mask.png -o todo");
    if (outcome.exit != 0) throw std::runtime_error("annotate: " + outcome.err);
  }

  /// Corrects a file as people do.
  void edit(const std::string& name, const std::function<void(json&)>& change) const {
    json content = json::parse(read_text(*this / name));
    change(content);
    save_text(name, content.dump());
  }
  Outcome import(const std::string& arguments) const {
    return run("annotate --import " + arguments + " -o set");
  }
  json statistics() const { return json::parse(read_text(*this / "set/statistics.json")); }
  double f1() const {
    const Outcome scored = run("eval set --models classic --json s.json");
    INFO(scored.err);
    REQUIRE(scored.exit == 0);
    return json::parse(read_text(*this / "s.json"))["mean"]["f1"];
  }
};

json polygon(const json& points, const json& label = "disc") {
  return {{"label", label},
          {"points", points},
          {"group_id", nullptr},
          {"shape_type", "polygon"},
          {"flags", json::object()}};
}

std::size_t left_out(const Outcome& outcome) {
  std::size_t count = 0;
  for (auto at = outcome.err.find("note: left out: "); at != std::string::npos;
       at = outcome.err.find("note: left out: ", at + 1))
    ++count;
  return count;
}

cv::Mat read_labels(const fs::path& path) { return io::read_labels(path); }

}  // namespace

TEST_CASE("persense annotate: what it outlines comes back as the truth of a data set",
          "[cli][annotate]") {
  const Annotated work;
  CHECK(fs::exists(work / "todo/instances.json"));
  const Outcome outcome = work.import("todo --jobs 2");
  INFO(outcome.err);
  REQUIRE(outcome.exit == 0);
  CHECK(left_out(outcome) == 0);
  CHECK_THAT(outcome.err, ContainsSubstring("todo/instances.json: not read"));
  CHECK_THAT(outcome.out, ContainsSubstring("disc        3         27      6     12      9.0") &&
                              ContainsSubstring("3 images in") &&
                              ContainsSubstring("the data set is set"));
  CHECK(read_text(work / "set/statistics.csv") ==
        "class,images,instances,min,max,mean,mean_height,mean_width\n"
        "disc,3,27,6,12,9.00,170.00,170.00\n");
  CHECK(fs::exists(work / "set/disc/00.tif"));
  CHECK(fs::exists(work / "set/disc/02_instances.png"));
  for (const auto& entry : fs::directory_iterator(work / "."))
    CHECK_FALSE(entry.path().filename().string().starts_with(".persense-"));
  CHECK(work.f1() == 1.0);
}

TEST_CASE("persense annotate: the examples of its help can be run", "[cli][annotate]") {
  const Workspace work;
  work.save("photo.jpg", discs(6, 4));
  work.save("shelf/one.jpg", discs(3, 2));
  work.save("shelf/two.jpg", discs(4, 2));
  fs::rename(work / "support.png", work / "support.jpg");  // told by content
  const std::string help = work.run("annotate --help").out;
  std::size_t run = 0;
  for (auto at = help.find("  persense annotate "); at != help.npos && run < 3;
       at = help.find("  persense annotate ", at + 1)) {
    std::string line = help.substr(at + 11, help.find('\n', at) - at - 11);
    if (const auto box = line.find("120,80,160,130"); box != line.npos)
      line.replace(box, 14, "122,72,148,98");  // the disc at 135, 85
    if (line.find("--import") == line.npos) line += " --models classic";
    INFO(line);
    const Outcome outcome = work.run(line);
    INFO(outcome.err);
    CHECK(outcome.exit == 0);
    ++run;
  }
  CHECK(run == 3);
}

TEST_CASE("persense annotate: the bundled beans come back as the program saw them",
          "[cli][annotate]") {
  const Workspace work;
  const std::string beans = PERSENSE_SOURCE_DIR "/examples/data/beans/";
  const std::string marks = beans + "00.jpg " + beans + "01.jpg --models classic --class bean " +
                            "--support " + beans + "00.jpg --mask " + beans + "00.png ";
  REQUIRE(work.run("annotate " + marks + "-o todo").exit == 0);
  REQUIRE(work.run("segment " + marks + "-o found --labels").exit == 0);
  const Outcome outcome = work.run("annotate --import todo -o set --support 00.jpg");
  INFO(outcome.err);
  REQUIRE(outcome.exit == 0);
  const auto score = eval::score_labels(read_labels(work / "set/bean/01_instances.png"),
                                        read_labels(work / "found/01_labels.png"));
  REQUIRE(score.instances);
  CHECK(score.instances->truth > 40);
  CHECK(score.instances->found == score.instances->truth);
  CHECK(score.instances->matched[0] == score.instances->truth);
  // the image is the same file, to the byte
  CHECK(read_text(work / "set/bean/01.jpg") == read_text(beans + "01.jpg"));
  CHECK(work.run("eval set --models classic").exit == 0);
}

TEST_CASE("persense annotate: faults of a correction are told with file and shape, or end it",
          "[cli][annotate][errors]") {
  const Annotated work;
  work.edit("todo/1_labelme.json", [](json& file) {
    json& shapes = file["shapes"];  // of nine
    shapes.push_back(shapes[2]);
    shapes.push_back(polygon({{5, 5}, {9, 9}, {13, 13}}));
    shapes.push_back(polygon({{500, 5}, {520, 5}, {520, 30}}));
    shapes.push_back(polygon({{60, 60}, {64, 60}, {64, 64}}, "  "));
    shapes.push_back(polygon({{60, 60}, {64, 60}, {64, 64}}, "not disc"));
    shapes.push_back(polygon({{60, 60}, {64, 60}, {64, 64}}));
    shapes.back().erase("label");
    shapes.push_back(polygon({{60, 60}, {64, 60}}));
  });
  const Outcome failed = work.import("todo --broken fail --jobs 3");
  CHECK(failed.exit == 3);
  CHECK(failed.error_lines() == 1);
  CHECK_THAT(failed.err, ContainsSubstring("error: todo/1_labelme.json: shape 11 is empty"));
  CHECK_FALSE(fs::exists(work / "set"));
  const Outcome outcome = work.import("todo");
  INFO(outcome.err);
  REQUIRE(outcome.exit == 0);
  for (const char* line :
       {"1_labelme.json: shape 10 (disc) shares 100 % of the smaller one's pixels with shape 3 "
        "(disc), expected at most 20 %\n",
        "1_labelme.json: shape 11 is empty: it covers no pixel of the image of 170 x 170\n",
        "1_labelme.json: shape 12 lies outside of the image of 170 x 170\n",
        "1_labelme.json: shape 13 has no label, expected the name of its class\n",
        "1_labelme.json: shape 14 is named \"not disc\", a negative example; expected an object\n",
        "1_labelme.json: shape 15 has no label\n",
        "1_labelme.json: shape 16 has 2 points, expected 3 or more\n"})
    CHECK_THAT(outcome.err, ContainsSubstring("note: left out: todo/" + std::string(line)));
  CHECK(left_out(outcome) == 7);
  CHECK(work.statistics()["left_out"].size() == 7);
  CHECK(work.statistics()["all"]["instances"] == 27);
  CHECK(work.f1() == 1.0);
}

TEST_CASE("persense annotate: --max-overlap says how much two objects may share",
          "[cli][annotate]") {
  const Annotated work;
  // half of it lies in the first disc
  work.edit("todo/0_labelme.json", [](json& file) {
    file["shapes"].push_back(polygon({{35, 25}, {55, 25}, {55, 45}, {35, 45}}));
  });
  const Outcome strict = work.import("todo");
  CHECK(left_out(strict) == 1);
  CHECK(work.statistics()["classes"]["disc"]["instances"] == 27);
  fs::remove_all(work / "set");
  const Outcome lax = work.import("todo --max-overlap 0.9");
  CHECK(left_out(lax) == 0);
  CHECK(work.statistics()["classes"]["disc"]["instances"] == 28);
}

TEST_CASE("persense annotate: a corrected COCO file becomes the same data set", "[cli][annotate]") {
  const Annotated work;
  REQUIRE(work.import("todo").exit == 0);
  const auto of_labelme = work.files("set/disc");
  fs::remove_all(work / "set");
  const Outcome outcome = work.import("todo/instances.json --images q");
  INFO(outcome.err);
  REQUIRE(outcome.exit == 0);
  CHECK(left_out(outcome) == 0);
  const auto of_coco = work.files("set/disc");
  REQUIRE(of_coco.size() == of_labelme.size());
  for (const auto& [name, bytes] : of_labelme) CHECK(of_coco.contains(name));
  CHECK(of_coco.at("00.tif") == of_labelme.at("00.tif"));
  CHECK(work.f1() == 1.0);
}

TEST_CASE("persense annotate: faults of a COCO file are told with the annotation",
          "[cli][annotate][errors]") {
  const Annotated work;
  work.edit("todo/instances.json", [](json& coco) {
    json& annotations = coco["annotations"];
    const auto add = [&](int id, const json& change) {
      json one = annotations[0];
      one["id"] = id;
      one["segmentation"] = json::array({json::array({60, 60, 64, 60, 64, 64})});
      one.update(change);
      annotations.push_back(one);
    };
    add(901, {{"segmentation", annotations[0]["segmentation"]}});
    add(902, {{"segmentation", json::array({json::array({500, 5, 520, 5, 520, 30})})}});
    add(903, {{"iscrowd", 1}});
    add(904, {{"category_id", 77}});
    add(905, {{"category_id", 9}});
    coco["categories"].push_back({{"id", 9}, {"name", ""}});
    coco["images"].push_back({{"id", 50}, {"file_name", "x.png"}, {"width", 9}, {"height", 9}});
  });
  const Outcome outcome = work.import("todo/instances.json --images q");
  INFO(outcome.err);
  REQUIRE(outcome.exit == 0);
  for (const char* line :
       {"annotation 901 (disc) shares 100 % of the smaller one's pixels with annotation ",
        "annotation 902 is empty or lies outside: it covers no pixel of the image of 170 x 120\n",
        "annotation 903 is a crowd, expected one object\n",
        "annotation 904: its category 77 is not in the file\n",
        "annotation 905 has no label, expected a category with a name\n"})
    CHECK_THAT(outcome.err, ContainsSubstring("todo/instances.json: " + std::string(line)));
  CHECK_THAT(outcome.err, ContainsSubstring("its image q/x.png is missing"));
  CHECK(left_out(outcome) == 6);
  CHECK(work.f1() == 1.0);
}

TEST_CASE("persense annotate: images that are missing, of another size or twice are left out",
          "[cli][annotate][errors]") {
  const Annotated work;
  for (int i = 3; i < 6; ++i) {
    work.save("q/" + std::to_string(i) + ".png", discs(3, 2));
    work.edit("todo/0_labelme.json", [&](json& file) {
      file["imagePath"] = "../q/" + std::to_string(i == 5 ? 0 : i) + ".png";
      work.save_text("todo/" + std::to_string(i) + "_labelme.json", file.dump());
      file["imagePath"] = "../q/0.png";
    });
  }
  fs::remove(work / "q/3.png");
  work.save("q/4.png", discs(2, 3));
  work.save_text("todo/9_labelme.json", R"({"shapes": [], "imagePath": )");
  const Outcome outcome = work.import("todo");
  INFO(outcome.err);
  REQUIRE(outcome.exit == 0);
  for (const char* line : {"3_labelme.json: its image todo/../q/3.png is missing\n",
                           "4_labelme.json: is for an image of 170 x 120, but todo/../q/4.png is "
                           "120 x 170 (its sides are exchanged",
                           "5_labelme.json: is of the image todo/../q/0.png, as 0_labelme.json is",
                           "9_labelme.json: not JSON, expected a labelme file\n"})
    CHECK_THAT(outcome.err, ContainsSubstring(line));
  CHECK(left_out(outcome) == 4);
  CHECK(work.statistics()["all"]["images"] == 3);
}

TEST_CASE("persense annotate: --support names the support's image, else the most typical is it",
          "[cli][annotate]") {
  const Annotated work;
  // all but one disc of image 0 are far too small to be typical
  work.edit("todo/0_labelme.json", [](json& file) {
    file["shapes"] = json::array({polygon({{20, 20}, {24, 20}, {24, 24}, {20, 24}})});
  });
  REQUIRE(work.import("todo").exit == 0);
  CHECK(work.statistics()["classes"]["disc"]["support"]["image"] == "1.png");
  fs::remove_all(work / "set");
  REQUIRE(work.import("todo --support 2").exit == 0);
  json disc = work.statistics()["classes"]["disc"];
  CHECK(disc["support"]["image"] == "2.png");
  CHECK(disc["queries"] == json({{"01", "0.png"}, {"02", "1.png"}}));
  const cv::Mat mask = io::read_mask(work / "set/disc/00.png");
  CHECK(cv::countNonZero(mask) > 350);  // one disc
  CHECK(cv::countNonZero(mask) < 550);
  fs::remove_all(work / "set");
  const Outcome unknown = work.import("todo --support 7.png");
  CHECK(unknown.exit == 2);
  CHECK(unknown.error_lines() == 1);
  CHECK_THAT(unknown.err, ContainsSubstring(
                              "--support: no image is called 7.png, expected one of 0.png, 1.png"));
  CHECK_FALSE(fs::exists(work / "set"));
}

TEST_CASE("persense annotate: an image of two classes is a query of both", "[cli][annotate]") {
  const Annotated work;
  for (const char* name : {"todo/0_labelme.json", "todo/2_labelme.json"})
    work.edit(name, [](json& file) { file["shapes"][0]["label"] = "a/b"; });
  work.edit("todo/1_labelme.json", [](json& file) { file["shapes"][0]["label"] = "rare"; });
  const Outcome outcome = work.import("todo");
  INFO(outcome.err);
  REQUIRE(outcome.exit == 0);
  CHECK_THAT(outcome.err, ContainsSubstring("left out: class rare: one image shows it"));
  const json all = work.statistics();
  CHECK(all["classes"]["a/b"]["instances"] == 2);
  CHECK(all["classes"]["a/b"]["folder"] == "a_b");
  CHECK(all["classes"]["disc"]["instances"] == 24);
  CHECK(all["all"]["images"] == 3);
  CHECK(fs::exists(work / "set/a_b/01_instances.png"));
  CHECK(fs::exists(work / "set/disc/02_instances.png"));
  CHECK_FALSE(fs::exists(work / "set/rare"));
}

TEST_CASE("persense annotate: what cannot be done is refused in one line, and nothing is left",
          "[cli][annotate][errors]") {
  const Annotated work;
  const auto refused = [&](const std::string& arguments, int exit, const char* line) {
    const Outcome outcome = work.run("annotate " + arguments);
    INFO(outcome.err);
    CHECK(outcome.exit == exit);
    CHECK(outcome.error_lines() == 1);
    CHECK_THAT(outcome.err, ContainsSubstring(line));
    CHECK(work.files("new").empty());
  };
  refused("-o new", 2, "QUERY: got none");
  refused("q -o new --box 1,2,9,9 --broken fail", 2, "--broken: has no meaning without --import");
  refused("--import todo -o new --box 1,2,9,9", 2, "--box: has no meaning beside --import");
  refused("q --import todo -o new", 2, "QUERY: has no meaning beside --import");
  refused("--import todo -o new --models classic", 2, "--models: has no meaning beside");
  refused("--import todo -o new --broken maybe", 2, "--broken: got \"maybe\"");
  refused("--import todo -o new --max-overlap 2", 2, "--max-overlap");
  refused("--import todo -o new --images q", 2, "--images: has no meaning for labelme files");
  refused("--import none -o new", 3, "none: no such file or folder");
  refused("--import q -o new", 2, "q: has no JSON file");
  refused("--import todo -o q", 2, "q: is not empty, expected a new folder");
  refused("--import todo -o q/0.png", 4, "q/0.png: is no folder");
  refused("--import todo/0_labelme.json -o new", 2, "no class is shown by two images");
}
