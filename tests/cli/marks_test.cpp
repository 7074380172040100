// How the program is told what to look for, and which of it to report.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>

#include "catch.hpp"
#include "persense/engine.hpp"
#include "persense/eval/marks.hpp"
#include "persense/io/coco.hpp"
#include "persense/io/images.hpp"
#include "workspace.hpp"

using namespace persense;
using namespace persense::test;
using nlohmann::json;

namespace {

auto contains(const std::string& part) { return Catch::Matchers::ContainsSubstring(part); }

std::string joined(const std::vector<float>& numbers) {
  std::string text;
  for (const float n : numbers) text += fmt::format("{}{:g}", text.empty() ? "" : ",", n);
  return text;
}

/// An object's mask as text for --box, --point and --polygon.
struct Marked {
  std::string box, point, polygon;

  explicit Marked(const cv::Mat& mask) {
    const auto make = [&](eval::MarkKind kind) {
      return eval::make_mark(MaskView(mask), kind).mark;
    };
    const Box b = std::get<Box>(make(eval::MarkKind::box));
    box = joined({b.x0, b.y0, b.x1, b.y1});
    const Point p = std::get<Point>(make(eval::MarkKind::point));
    point = fmt::format("{},{}", p.x, p.y);
    std::vector<float> numbers;
    const Polygon outline = std::get<Polygon>(make(eval::MarkKind::polygon));
    for (const Vertex v : outline.vertices) {
      numbers.push_back(v.x);
      numbers.push_back(v.y);
    }
    polygon = joined(numbers);
  }
};

/// Bright discs, every second one a dark blue square.
cv::Mat discs_and_squares() {
  cv::Mat picture = discs(6, 4);
  for (int y = 0; y < 4; ++y)
    for (int x = y % 2; x < 6; x += 2) {
      const cv::Rect cell(35 + 50 * x - 14, 35 + 50 * y - 14, 28, 28);
      picture(cell) = cv::Scalar(20, 24, 28);
      picture(cv::Rect(cell.x + 3, cell.y + 3, 22, 22)) = cv::Scalar(200, 90, 30);
    }
  return picture;
}
const std::string disc_box = "73,23,98,48", square_box = "24,24,46,46";

void check_refused(const Workspace& work, const Outcome& outcome, int exit,
                   const std::string& culprit) {
  INFO(outcome.err);
  CHECK(outcome.exit == exit);
  CHECK(outcome.lines() == 1);
  CHECK(outcome.error_lines() == 1);
  CHECK_THAT(outcome.err, contains(culprit));
  CHECK(work.outputs("out").empty());
}

json coco_in(const Workspace& work, const std::string& folder = "out") {
  return json::parse(read_text(work / (folder + "/instances.json")));
}

json labelme(const std::string& image, const cv::Mat& picture, const json& shapes) {
  return {{"version", "5.5.0"},        {"flags", json::object()}, {"shapes", shapes},
          {"imagePath", image},        {"imageData", nullptr},    {"imageHeight", picture.rows},
          {"imageWidth", picture.cols}};
}

json shape(const std::string& name, const std::string& type, const json& points) {
  return {{"label", name}, {"shape_type", type}, {"points", points}, {"group_id", nullptr}};
}

}  // namespace

TEST_CASE("persense segment: every way of marking a bean finds the others", "[cli][marks]") {
  const Workspace work;
  const std::string data = PERSENSE_SOURCE_DIR "/examples/data/beans/";
  const cv::Mat mask = io::read_mask(data + "00.png");
  const Marked in_support(mask);
  cv::Mat labels;
  mask.convertTo(labels, CV_16U, 300.0 / 255);
  work.save("labels.png", labels);
  // of the query itself: one bean of its truth
  const cv::Mat truth = io::read_labels(data + "01_instances.png");
  int id = 0;
  for (int i = 1; i < 80 && id == 0; ++i) {
    const PixelBox box = tight_box(MaskView(cv::Mat(truth == i)));
    if (box.x0 > 20 && box.y0 > 20 && box.x1 < 600 && cv::countNonZero(truth == i) > 1200) id = i;
  }
  const Marked in_query(truth == id);
  const Box around = std::get<Box>(eval::make_mark(MaskView(mask), eval::MarkKind::box).mark);
  const json shapes =
      json::array({shape("bean", "rectangle", {{around.x0, around.y0}, {around.x1, around.y1}})});
  work.save_text("marks.json", labelme(data + "00.jpg", mask, shapes).dump());
  const std::string support = "--support " + data + "00.jpg ";
  const std::vector<std::string> ways = {support + "--mask " + data + "00.png",
                                         support + "--mask labels.png --mask-label 300",
                                         support + "--box " + in_support.box,
                                         support + "--point " + in_support.point,
                                         support + "--polygon " + in_support.polygon,
                                         "--prompts marks.json",
                                         "--box " + in_query.box,
                                         "--point " + in_query.point,
                                         "--polygon " + in_query.polygon};
  for (const std::string& way : ways) {
    const Outcome outcome = work.run("segment " + way + " " + data + "01.jpg -o out --labels");
    INFO(way.substr(0, 200) << "\n" << outcome.out << outcome.err);
    REQUIRE(outcome.exit == 0);
    const cv::Mat found = cv::imread((work / "out/01_labels.png").string(), cv::IMREAD_UNCHANGED);
    double count = 0;
    cv::minMaxLoc(found, nullptr, &count);
    CHECK(count >= 55);
    CHECK(count <= 95);
    fs::remove_all(work / "out");
  }
}

TEST_CASE("persense segment: a box in the query gives what the engine gives, encoded once",
          "[cli][marks]") {
  const Workspace work;
  work.save("q.png", discs(4, 3));
  const Outcome outcome =
      work.run("segment --models classic q.png --box 23,23,48,48 -o out --coco --timings");
  INFO(outcome.err);
  REQUIRE(outcome.exit == 0);
  const Engine engine("classic");
  const cv::Mat picture = discs(4, 3);
  const EngineImage image = engine.encode(Image::from_bgr(picture).view());
  const Example example{image, Box{23, 23, 48, 48}};
  const Result expected = engine.segment(image, engine.support(std::span(&example, 1)));
  CHECK(expected.count() == 12);
  const json coco = coco_in(work);
  REQUIRE(coco["annotations"].size() == expected.count());
  for (std::size_t i = 0; i < expected.count(); ++i)
    CHECK(coco["annotations"][i]["segmentation"]["counts"] ==
          io::rle_to_string(io::rle_counts(expected.instances[i].mask, expected.image_size)));
  CHECK(coco["info"]["stages"] == engine.stages());
  CHECK(coco["info"]["options"]["idm.threshold"] == "30");
  CHECK_THAT(outcome.out, contains("seconds") && contains("encode") && contains("q.png "));
}

TEST_CASE("persense segment: several examples in several images, and negative ones",
          "[cli][marks]") {
  const Workspace work;
  const cv::Mat picture = discs_and_squares();
  work.save("q.png", picture);
  work.save("other.png", picture);
  const Outcome outcome = work.run(
      "segment --models classic --support support.png --box 23,23,48,48 --point 85,35 --support "
      "other.png --box " +
      disc_box + " --negative-box " + square_box + " q.png -o out --support-overlay --csv");
  INFO(outcome.err << outcome.out);
  REQUIRE(outcome.exit == 0);
  const auto files = work.outputs("out");
  CHECK(files.size() == 3);
  CHECK(files.contains("support_01.png"));
  CHECK(files.contains("support_02.png"));
  CHECK(cv::imread((work / "out/support_01.png").string()).size() == discs(3, 2).size());
  CHECK(cv::imread((work / "out/support_02.png").string()).size() == picture.size());
  CHECK_THAT(files.at("q_instances.csv"), contains(",object,0\n"));
}

TEST_CASE("persense segment: two classes in one run, in every file", "[cli][marks]") {
  const Workspace work;
  work.save("q.png", discs_and_squares());
  work.save("r.png", discs(3, 2));
  const std::string marks = "--support q.png --class disc --box " + disc_box +
                            " --class \"blue square\" --box " + square_box + " ";
  const Outcome outcome = work.run("segment --models classic " + marks +
                                   "q.png r.png -o out --coco --csv --labels --overlay --trace");
  INFO(outcome.err << outcome.out);
  REQUIRE(outcome.exit == 0);
  const auto files = work.outputs("out");
  for (const std::string name :
       {"q_overlay.png", "q_labels.png", "q_classes.png", "q_instances.csv", "q_trace_disc.png",
        "q_trace_blue square.png", "support_01.png", "support_02.png", "instances.json"})
    CHECK(files.contains(name));
  const json coco = coco_in(work);
  REQUIRE(coco["categories"].size() == 2);
  CHECK(coco["categories"][1]["name"] == "blue square");
  const cv::Mat labels = cv::imread((work / "out/q_labels.png").string(), cv::IMREAD_UNCHANGED);
  const cv::Mat classes = cv::imread((work / "out/q_classes.png").string(), cv::IMREAD_UNCHANGED);
  REQUIRE(classes.type() == CV_8UC1);
  std::istringstream rows(files.at("q_instances.csv"));
  std::string row;
  std::getline(rows, row);
  CHECK_THAT(row, Catch::Matchers::EndsWith("area,score,class,touches_border"));
  std::array<int, 2> counts{};
  for (const json& a : coco["annotations"]) {
    if (a["image_id"] != 1) continue;
    REQUIRE(std::getline(rows, row));
    const int category = a["category_id"];
    ++counts.at(static_cast<std::size_t>(category - 1));
    CHECK_THAT(row, Catch::Matchers::EndsWith(category == 1 ? ",disc,0" : ",blue square,0"));
    const Point p{a["point"][0], a["point"][1]};
    if (labels.at<std::uint16_t>(p.y, p.x) != 0)
      CHECK(classes.at<std::uint8_t>(p.y, p.x) == category);
  }
  CHECK(counts == std::array{12, 12});
  CHECK_THAT(outcome.out, contains("q.png: 24 objects (12 disc, 12 blue square)"));
  CHECK_THAT(outcome.out, contains(" disc, ") && contains("2 images"));
}

TEST_CASE("persense segment: the classes of a labelme file", "[cli][marks]") {
  const Workspace work;
  const cv::Mat picture = discs_and_squares();
  work.save("pictures/q.png", picture);
  const json shapes = {shape("disc", "rectangle", {{73, 23}, {98, 48}}),
                       shape("square", "polygon", {{24, 24}, {46, 24}, {46, 46}, {24, 46}}),
                       shape("not disc", "rectangle", {{124, 24}, {146, 46}})};
  work.save_text("marks/m.json", labelme("../pictures/q.png", picture, shapes).dump());
  const Outcome outcome =
      work.run("segment --models classic --prompts marks/m.json pictures/q.png -o out --coco");
  INFO(outcome.err << outcome.out);
  REQUIRE(outcome.exit == 0);
  CHECK(coco_in(work)["categories"][0]["name"] == "disc");
  CHECK_THAT(outcome.out, contains("(12 disc, 12 square)"));

  fs::remove_all(work / "out");
  work.save("pictures/q.png", discs(3, 2));
  check_refused(work,
                work.run("segment --models classic --prompts marks/m.json support.png -o new"), 2,
                "marks/m.json: marks an image of 320 x 220, but marks/../pictures/q.png has "
                "170 x 120");
  check_refused(work, work.run("segment --prompts none.json q.png -o new"), 3, "none.json");
  work.save_text("words.json", "words");
  check_refused(work, work.run("segment --prompts words.json q.png -o new"), 3,
                "words.json: not JSON");
  work.save_text("none.json", labelme("support.png", discs(3, 2), json::array()).dump());
  check_refused(work, work.run("segment --prompts none.json q.png -o new"), 2, "has no shape");
}

TEST_CASE("persense segment: marks that cannot be are refused in one line that names them",
          "[cli][marks][errors]") {
  const Workspace work;
  work.save("q.png", discs(3, 2));
  work.save("r.png", discs(3, 3));
  work.save("labels.png", disc_mask(discs(3, 2)));
  const auto refused = [&](const std::string& arguments, const std::string& culprit, int exit = 2) {
    INFO(arguments);
    check_refused(work, work.run("segment --models classic -o out " + arguments), exit, culprit);
  };
  refused("q.png", "nothing is marked; expected --mask FILE");
  refused("q.png r.png --box 23,23,48,48", "--box 23,23,48,48: got 2 queries and no --support");
  refused("q.png --box 200,23,248,48",
          "--box 200,23,248,48: support box: (200, 23, 248, 48) lies outside of the image of "
          "170 x 120");
  refused("q.png --box 48,23,23,48", "expected finite x0 < x1");
  refused("q.png --box 1,2,3", "--box: got \"1,2,3\", expected X0,Y0,X1,Y1");
  refused("q.png --box 1,2,3,four", "--box: got \"1,2,3,four\"");
  refused("q.png --point 170,5", "--point 170,5: support point: (170, 5) lies outside");
  refused("q.png --point 5", "--point: got \"5\", expected X,Y");
  refused("q.png --polygon 1,1,5,5", "--polygon: got \"1,1,5,5\", expected X,Y of three vertices");
  refused("q.png --polygon 1,1,5,5,9,9", "--polygon 1,1,5,5,9,9: support polygon: covers no pixel");
  refused("q.png --negative-box 23,23,48,48", "all marks are negative");
  refused("q.png --box 23,23,48,48 --negative-box 24,24,47,47", "negative example: covers");
  refused("--support support.png q.png", "--support support.png: nothing is marked in it");
  refused("--support support.png --box 23,23,48,48 --support q.png r.png",
          "--support q.png: nothing is marked in it");
  refused(
      "--box 23,23,48,48 --support support.png --point 35,35 --support q.png --point 35,35 r.png",
      "--box 23,23,48,48: comes before the first of 2 --support");
  refused("--support support.png --mask labels.png --mask-label 7 q.png",
          "--mask labels.png --mask-label 7: support labels: no pixel has the id 7; the image has "
          "255");
  refused("--support support.png --mask labels.png --mask-label x q.png",
          "--mask-label: got \"x\"");
  refused("q.png --box 23,23,48,48 --mask-label 3", "--mask-label 3: expected it right after");
  refused("q.png --class a --box 23,23,48,48 --class b", "--class b: nothing of it is marked");
  refused("q.png --box 23,23,48,48 --class b --point 85,35",
          "--box 23,23,48,48: comes before the first --class");
  refused("q.png --class a --box 23,23,48,48 --label b", "--label b: the class has the name a");
  refused("q.png --class a --box 23,23,48,48 --class b --point 85,35 --label c",
          "--label c: got 2 classes");
  refused("none.png --box 23,23,48,48", "none.png", 3);
  refused("--support none.png --box 23,23,48,48 q.png", "none.png", 3);
}

TEST_CASE("persense segment: a point on the background is an error or a note, and names it",
          "[cli][marks][errors]") {
  const Workspace work;
  work.save("q.png", discs(3, 2));
  const Outcome outcome = work.run("segment --models classic q.png --point 4,4 -o out");
  INFO(outcome.err << outcome.out);
  CHECK((outcome.exit == 2 || outcome.lines() > 0));
  CHECK_THAT(outcome.err, contains("4, 4") || contains("4,4"));
}

TEST_CASE("persense segment: filters say which instances are reported", "[cli][filters]") {
  const Workspace work;
  cv::Mat picture = discs(5, 4);
  cv::circle(picture, {60, 60}, 6, cv::Scalar(200, 210, 220), cv::FILLED);   // a small one
  cv::circle(picture, {0, 110}, 12, cv::Scalar(200, 210, 220), cv::FILLED);  // at the border
  work.save("q.png", picture);
  const auto rows = [&](const std::string& filters) {
    const Outcome outcome =
        work.run("segment --models classic q.png --box 23,23,48,48 -o out --csv " + filters);
    INFO(filters << outcome.err);
    REQUIRE(outcome.exit == 0);
    std::vector<std::vector<double>> numbers;  // of each line
    std::istringstream lines(read_text(work / "out/q_instances.csv"));
    std::string line;
    std::getline(lines, line);
    while (std::getline(lines, line)) {
      std::istringstream cells(line);
      numbers.emplace_back();
      for (std::string cell; std::getline(cells, cell, ',');)
        numbers.back().push_back(cell == "object" ? 0 : std::stod(cell));
    }
    return numbers;
  };
  constexpr std::size_t x = 1, area = 7, border = 10;
  const auto all = rows("");
  const auto count = [&](const auto& list, auto&& which) {
    return std::count_if(list.begin(), list.end(), which);
  };
  CHECK(count(all, [&](const auto& r) { return r[border] == 1; }) >= 1);
  CHECK(rows("--max-instances 3").size() == 3);
  CHECK(count(rows("--border drop"), [&](const auto& r) { return r[border] == 1; }) == 0);
  const auto large = rows("--min-area 0.5x");
  CHECK(count(large, [&](const auto& r) { return r[area] < 200; }) == 0);
  CHECK(large.size() >= 20);
  CHECK(rows("--min-area 300 --max-area 5000").size() >= 20);
  CHECK(rows("--max-area 0.01x").empty());
  CHECK(rows("--min-score 1").size() <= all.size());
  const auto left = rows("--region 0,0,130,0,130,220,0,220");
  CHECK(left.size() >= 8);
  CHECK(count(left, [&](const auto& r) { return r[x] > 140; }) == 0);
  cv::Mat region = cv::Mat::zeros(picture.size(), CV_8UC1);
  region.colRange(0, 130) = 255;
  work.save("region.png", region);
  CHECK(rows("--region region.png") == left);
}

TEST_CASE("persense segment: filters that cannot be are refused in one line", "[cli][filters]") {
  const Workspace work;
  work.save("q.png", discs(3, 2));
  work.save("r.png", discs(3, 3));
  work.save("region.png", cv::Mat(60, 60, CV_8UC1, cv::Scalar(255)));
  work.save("none.png", cv::Mat(120, 170, CV_8UC1, cv::Scalar(0)));
  const auto refused = [&](const std::string& arguments, const std::string& culprit, int exit = 2) {
    INFO(arguments);
    check_refused(work,
                  work.run("segment --models classic q.png --box 23,23,48,48 -o out " + arguments),
                  exit, culprit);
  };
  refused("--min-score 2", "--min-score: got 2, expected 0 to 1");
  refused("--min-area many", "--min-area: got \"many\", expected pixels as in 200, or times");
  refused("--min-area 1.5", "--min-area: got \"1.5\", expected a whole number");
  refused("--max-area x", "--max-area: got \"x\"");
  refused("--max-instances -1", "--max-instances: got -1");
  refused("--border cut", "--border: got \"cut\", expected keep or drop");
  refused("--region region.png",
          "q.png: --region region.png: size 60 x 60, expected the query's 170 x 120");
  refused("--region none.png", "--region none.png: no pixel is set");
  refused("--region 1,2,3", "--region: got \"1,2,3\"");
  refused("--region 500,500,600,500,600,600", "covers no pixel of the query's 170 x 120");
  refused("--region missing.png", "missing.png", 3);
}

TEST_CASE("persense segment: --resume refuses other marks, classes, regions and filters",
          "[cli][resume]") {
  const Workspace work;
  work.save("q.png", discs(3, 2));
  work.save("region.png", cv::Mat(120, 170, CV_8UC1, cv::Scalar(255)));
  const std::string run = "segment --models classic --support support.png q.png -o out --labels ";
  const std::string marks = "--box 23,23,48,48 --negative-point 2,2 ";
  REQUIRE(work.run(run + "--box 23,23,48,48").exit == 0);
  CHECK_THAT(work.run(run + "--box 23,23,48,48 --resume").out, contains("1 done earlier"));
  const auto refused = [&](const std::string& arguments, const std::string& culprit) {
    const Outcome outcome = work.run(run + arguments + " --resume");
    INFO(arguments << outcome.err);
    CHECK(outcome.exit == 2);
    CHECK_THAT(outcome.err, contains("--resume: the earlier run") && contains(culprit));
  };
  refused("--box 23,23,48,47", "mark 1 = \"box 23,23,48,48 in ");
  refused("--box 23,23,48,48 --box 73,23,98,48", "mark 2 = nothing");
  refused("--box 23,23,48,48 --region region.png", "region");
  refused("--box 23,23,48,48 --min-area 20", "filter.min_area = \"0\"");
  refused("--class a --box 23,23,48,48 --class b --box 73,23,98,48", "mark 1");
  work.save("support.png", discs(4, 2));
  refused("--box 23,23,48,48", "mark 1");
}

TEST_CASE("persense: an unknown flag is called unknown, with the nearest known one",
          "[cli][errors]") {
  const Workspace work;
  const auto unknown = [&](const std::string& arguments, const std::string& line) {
    INFO(arguments);
    check_refused(work, work.run(arguments), 2, line);
  };
  unknown("segment --suport support.png --mask mask.png q.png -o out",
          "--suport: unknown flag; did you mean --support?");
  unknown("segment --support support.png --mask mask.png q.png --out=out",
          "--out: unknown flag; did you mean --output?");
  unknown("segment q.png --negative-bx 1,2,3,4 -o out", "did you mean --negative-box?");
  unknown("points d.npy --sise 3x4", "--sise: unknown flag; did you mean --size?");
  unknown("eval set --class a", "--class: unknown flag; did you mean --classes?");
  unknown("options --sett a=b", "--sett: unknown flag; did you mean --set?");
  unknown("info a.pt --jsn", "--jsn: unknown flag; did you mean --json?");
  unknown("--versoin", "--versoin: unknown flag; did you mean --version?");
  unknown("segment q.png --frobnicate -o out", "--frobnicate: unknown flag; `persense segment");
}

TEST_CASE("persense eval: --mark and --reliability", "[cli][eval]") {
  const Workspace work;
  work.save("set/discs/00.jpg", discs(3, 2));
  work.save("set/discs/00.png", disc_mask(discs(3, 2)));
  const cv::Mat picture = discs(3, 3);
  work.save("set/discs/01.jpg", picture);
  cv::Mat gray, labels;
  cv::cvtColor(picture, gray, cv::COLOR_BGR2GRAY);
  cv::connectedComponents(gray > 100, labels, 8, CV_16U);
  work.save("set/discs/01_instances.png", labels);
  for (const std::string mark : {"mask", "box", "filled-box", "point", "polygon"}) {
    const Outcome outcome =
        work.run("eval set --models classic --reliability --json s.json --mark " + mark);
    INFO(mark << outcome.err << outcome.out);
    REQUIRE(outcome.exit == 0);
    CHECK_THAT(outcome.out, contains("mean score") && contains("0.9 to 1.0"));
    const json scores = json::parse(read_text(work / "s.json"));
    if (mark != "filled-box") CHECK(scores["classes"]["discs"]["f1"].get<double>() == 1.0);
    int instances = 0;
    for (const json& bin : scores["reliability"]) instances += bin["instances"].get<int>();
    CHECK(instances == scores["classes"]["discs"]["found"]);
  }
  check_refused(work, work.run("eval set --mark scribble"), 2, "mark: got \"scribble\"");
}
