// What other tools read, from the program.
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "workspace.hpp"

using namespace persense;
using namespace persense::test;
using Catch::Matchers::ContainsSubstring;
using nlohmann::json;

namespace {

std::size_t count_of(const std::string& part, const std::string& text) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

std::vector<std::string> names_in(const std::map<std::string, std::string>& files) {
  std::vector<std::string> names;
  for (const auto& [name, text] : files) names.push_back(name);
  return names;
}

const std::string all = " --yolo --geojson --imagej";

}  // namespace

TEST_CASE("persense segment: --yolo, --geojson and --imagej write a file each per image",
          "[cli][formats]") {
  const Workspace w;
  w.save("data/images/a.png", discs(3, 2));
  w.save("data/images/b.png", discs(2, 2));
  const auto found = w.segment("data/images -o data/labels --label disc" + all);
  INFO(found.err);
  REQUIRE(found.exit == 0);
  const auto files = w.outputs("data/labels");
  CHECK(names_in(files) == std::vector<std::string>{"a.geojson", "a.txt", "a_rois.zip", "b.geojson",
                                                    "b.txt", "b_rois.zip", "counts.csv",
                                                    "data.yaml"});
  CHECK(count_of("\n", files.at("a.txt")) == 6);
  CHECK(count_of("\n", files.at("b.txt")) == 4);
  CHECK(json::parse(files.at("a.geojson"))["features"].size() == 6);
  CHECK(count_of("disc.roi", files.at("a_rois.zip")) == 2 * 6);  // each in the directory again
  CHECK_THAT(files.at("data.yaml"), ContainsSubstring("train: [\"../images\"]\n") &&
                                        ContainsSubstring("names:\n  0: \"disc\"\n"));
}

TEST_CASE("persense segment: --yolo-boxes writes a centre and a size for each object",
          "[cli][formats]") {
  const Workspace w;
  w.save("q.png", discs(3, 2));
  REQUIRE(w.segment("q.png -o out --yolo-boxes").exit == 0);
  const std::string lines = read_text(w / "out/q.txt");
  CHECK(count_of("\n", lines) == 6);
  CHECK(count_of(" ", lines) == 6 * 4);
  CHECK(fs::exists(w / "out/data.yaml"));
}

TEST_CASE("persense segment: YOLO's classes are the run's, in their order", "[cli][formats]") {
  const Workspace w;
  w.save("q.png", discs(3, 2));
  REQUIRE(w.run("segment --models classic q.png --class left --box 22,22,48,48 --class right --box "
                "122,22,148,48 -o out --yolo")
              .exit == 0);
  CHECK_THAT(read_text(w / "out/data.yaml"),
             ContainsSubstring("names:\n  0: \"left\"\n  1: \"right\"\n"));
}

TEST_CASE("persense segment: data.yaml names every folder of queries, files of one name differ",
          "[cli][formats]") {
  const Workspace w;
  w.save("day1/img.png", discs(3, 2));
  w.save("day2/img.png", discs(3, 2));
  REQUIRE(w.segment("day1 day2 -o out" + all).exit == 0);
  const auto names = names_in(w.outputs("out"));
  CHECK(names == std::vector<std::string>{"counts.csv", "data.yaml", "day1_img_png.geojson",
                                          "day1_img_png.txt", "day1_img_png_rois.zip",
                                          "day2_img_png.geojson", "day2_img_png.txt",
                                          "day2_img_png_rois.zip"});
  CHECK_THAT(read_text(w / "out/data.yaml"),
             ContainsSubstring("train: [\"../day1\", \"../day2\"]\n"));
}

TEST_CASE("persense segment: --resume goes on with files of other tools",
          "[cli][formats][resume]") {
  const Workspace w;
  w.save("q/a.png", discs(3, 2));
  w.save("q/b.png", discs(2, 2));
  REQUIRE(w.segment("q -o whole" + all).exit == 0);
  REQUIRE(w.segment("q/a.png -o out" + all).exit == 0);
  CHECK_THAT(w.segment("q -o out --resume" + all).out, ContainsSubstring("1 done earlier"));
  CHECK(w.outputs("out") == w.outputs("whole"));
  fs::remove(w / "out/b_rois.zip");
  CHECK_THAT(w.segment("q -o out --resume" + all).out, ContainsSubstring("1 done earlier"));
  CHECK(w.outputs("out") == w.outputs("whole"));
  CHECK_THAT(w.segment("q -o out --resume --geojson").out, ContainsSubstring("2 done earlier"));
  const auto boxes = w.segment("q -o out --resume --yolo-boxes");
  CHECK(boxes.exit == 2);
  CHECK_THAT(boxes.err, ContainsSubstring("yolo shapes"));
}

TEST_CASE("persense segment: YOLO's labels never replace an input", "[cli][formats][errors]") {
  const Workspace w;
  w.save("q/a.png", discs(3, 2));
  fs::rename(w / "q/a.png", w / "q/a.txt");  // the content counts
  const auto before = w.files("q");
  const auto found = w.segment("q/a.txt -o q --yolo");
  CHECK(found.exit == 2);
  CHECK_THAT(found.err, ContainsSubstring("output q/a.txt: is also an input"));
  CHECK(w.files("q") == before);
}

TEST_CASE("persense segment: a page of several is ImageJ's slice of that number",
          "[cli][formats]") {
  const Workspace w;
  cv::imwritemulti((w / "pages.tif").string(), std::vector<cv::Mat>{discs(2, 2), discs(3, 2)});
  REQUIRE(w.segment("pages.tif --page 2 -o two --imagej").exit == 0);
  w.save("q.png", discs(3, 2));
  REQUIRE(w.segment("q.png -o one --imagej").exit == 0);
  const std::string of_page = read_text(w / "two/pages_rois.zip");
  CHECK(count_of(".roi", of_page) == 2 * 6);
  CHECK(of_page != read_text(w / "one/q_rois.zip"));
}

TEST_CASE("persense segment: an image without objects has files of nothing", "[cli][formats]") {
  const Workspace w;
  w.save("dark.png", cv::Mat(120, 170, CV_8UC3, cv::Scalar(20, 24, 28)));
  REQUIRE(w.segment("dark.png -o out" + all).exit == 0);
  CHECK(read_text(w / "out/dark.txt").empty());
  CHECK(json::parse(read_text(w / "out/dark.geojson"))["features"].empty());
  CHECK(read_text(w / "out/dark_rois.zip").size() == 22);  // the end of a directory
}
