// labelme files from the program, and back in.
#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "catch.hpp"
#include "persense/io/labelme.hpp"
#include "workspace.hpp"

using namespace persense;
using namespace persense::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("persense segment: --labelme writes polygons that labelme and --prompts read",
          "[cli][labelme]") {
  const Workspace w;
  w.save("in/q.png", discs(3, 2));
  const auto found = w.run(
      "segment --models classic --class disc --support support.png --mask mask.png in/q.png -o out "
      "--labelme");
  INFO(found.err);
  REQUIRE(found.exit == 0);
  CHECK(w.outputs("out").size() == 1);
  const auto file = io::read_labelme(w / "out/q_labelme.json");
  CHECK(fs::equivalent(file.image, w / "in/q.png"));
  CHECK(file.size == Size{170, 120});
  CHECK(file.classes() == std::vector<std::string>{"disc"});
  CHECK(file.marks.size() == 6);
  const auto content = nlohmann::json::parse(read_text(w / "out/q_labelme.json"));
  CHECK(content["imageData"].is_null());
  const auto again = w.run("segment --models classic --prompts out/q_labelme.json in -o again");
  INFO(again.err);
  CHECK(again.exit == 0);
  CHECK_THAT(again.out, ContainsSubstring("6 objects"));
}

TEST_CASE("persense segment: --labelme keeps the image of a page or of a pipe inside",
          "[cli][labelme]") {
  const Workspace w;
  w.save("q.png", discs(3, 2));
  cv::imwritemulti((w / "pages.tif").string(), std::vector<cv::Mat>{discs(2, 2), discs(3, 2)});
  REQUIRE(w.segment("pages.tif --page 2 -o out --labelme").exit == 0);
  REQUIRE(w.shell("mkfifo q.fifo; cat q.png > q.fifo & timeout 60 \"$P\" segment --models classic "
                  "--support support.png --mask mask.png q.fifo -o out --labelme")
              .exit == 0);
  fs::remove(w / "pages.tif");
  fs::remove(w / "q.fifo");
  const auto written = w.outputs("out");
  REQUIRE(written.size() == 2);
  for (const auto& [name, text] : written) {
    INFO(name);
    cv::Mat bgr;
    cv::cvtColor(io::load_labelme_image(w / "out" / name).image.mat(), bgr, cv::COLOR_RGB2BGR);
    CHECK(cv::norm(bgr, discs(3, 2), cv::NORM_INF) == 0);
  }
}

TEST_CASE("persense segment: --resume writes a labelme file again whose query has moved",
          "[cli][labelme][resume]") {
  const Workspace w;
  w.save("in/a.png", discs(3, 2));
  REQUIRE(w.segment("in -o out --labelme").exit == 0);
  CHECK_THAT(w.segment("in -o out --labelme --resume").out, ContainsSubstring("1 done earlier"));
  fs::rename(w / "in", w / "moved");
  const auto moved = w.segment("moved -o out --labelme --resume");
  CHECK(moved.exit == 0);
  CHECK(moved.out.find("done earlier") == std::string::npos);
  CHECK(fs::exists(io::read_labelme(w / "out/a_labelme.json").image));
}
