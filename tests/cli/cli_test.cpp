// The program as its users meet it: arguments in, files, lines and exit codes out.
#include <nlohmann/json.hpp>
#include <numeric>
#include <opencv2/imgcodecs.hpp>
#include <set>

#include "catch.hpp"
#include "persense/engine.hpp"
#include "persense/io/coco.hpp"
#include "persense/io/files.hpp"
#include "persense/io/npy.hpp"
#include "persense/option_table.hpp"
#include "workspace.hpp"

using namespace persense;
using namespace persense::test;
using Catch::Matchers::ContainsSubstring;

namespace {

// A string matcher; Catch2 2 and 3 have different names for it.
auto contains(const std::string& part) {
#if __has_include(<catch2/catch_all.hpp>)
  return Catch::Matchers::ContainsSubstring(part);
#else
  return Catch::Matchers::Contains(part);
#endif
}

// A run that fails as a whole: one line on standard error, nothing on disk.
void check_refused(const Workspace& work, const Outcome& outcome, int exit,
                   const std::string& culprit) {
  INFO(outcome.err);
  CHECK(outcome.exit == exit);
  CHECK(outcome.lines() == 1);
  CHECK(outcome.error_lines() == 1);
  CHECK_THAT(outcome.err, contains(culprit));
  CHECK(work.files("out").empty());
}

std::vector<std::vector<std::string>> csv_rows(const std::string& text) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream cells(line);
    rows.emplace_back();
    for (std::string cell; std::getline(cells, cell, ',');) rows.back().push_back(cell);
  }
  return rows;
}

int largest_label(const fs::path& labels) {
  const cv::Mat image = cv::imread(labels.string(), cv::IMREAD_UNCHANGED);
  REQUIRE(image.type() == CV_16UC1);
  double highest = 0;
  cv::minMaxLoc(image, nullptr, &highest);
  return static_cast<int>(highest);
}

// Four images with 6, 9, 12 and 15 discs.
void save_queries(const Workspace& work) {
  for (int i = 0; i < 4; ++i) work.save("q/" + std::to_string(i) + ".png", discs(3, 2 + i));
}

FloatMap two_blobs() {
  FloatMap map = FloatMap::Zero(40, 60);
  for (int y = 0; y < 40; ++y)
    for (int x = 0; x < 60; ++x)
      for (const Point p : {Point{15, 20}, Point{45, 20}})
        map(y, x) +=
            std::exp(-static_cast<float>((x - p.x) * (x - p.x) + (y - p.y) * (y - p.y)) / 18.0f);
  return map * (2.0f / map.sum());
}

}  // namespace

TEST_CASE("persense: every help text has examples before options, and the exit codes", "[cli]") {
  const Workspace work;
  for (const std::string command :
       {"", "segment", "annotate", "points", "eval", "calibrate", "options", "info"}) {
    const Outcome help = work.run(command + " --help");
    INFO(command << "\n" << help.out);
    CHECK(help.exit == 0);
    CHECK(help.err.empty());
    const auto examples = help.out.find("Examples:"), options = help.out.find("Options:");
    REQUIRE(examples != std::string::npos);
    REQUIRE(options != std::string::npos);
    CHECK(examples < options);
    CHECK(help.out.find("Exit codes:", options) != std::string::npos);
    CHECK_THAT(help.out, contains("  persense " + command));
  }
}

TEST_CASE("persense: --version prints name and version", "[cli]") {
  const Outcome version = Workspace().run("--version");
  CHECK(version.exit == 0);
  CHECK_THAT(version.out, Catch::Matchers::StartsWith("persense "));
}

TEST_CASE("persense options: lists every key that --set takes", "[cli]") {
  const Workspace work;
  const Outcome table = work.run("options");
  CHECK(table.exit == 0);
  const Options options;
  for_each_option(options,
                  [&](const char* key, auto&&...) { CHECK_THAT(table.out, contains(key)); });
  CHECK_THAT(work.run("options --set idm.threshold=77").out, contains("77"));
  CHECK_THAT(work.run("options --tile 777").out, contains("777"));
  CHECK(work.run("options --tile off").out == work.run("options").out);
  CHECK(work.run("options --tile auto").out == work.run("options --set tiles.size=-1").out);
}

TEST_CASE("persense info: without the archive, or without LibTorch, says so", "[cli][errors]") {
  const Workspace work;
  if (Engine::has_torch())
    check_refused(work, work.run("info none.pt"), 3, "none.pt: no such file");
  else
    check_refused(work, work.run("info none.pt"), 2, "made without LibTorch");
}

TEST_CASE("persense: wrong arguments are refused in one line with exit code 2", "[cli][errors]") {
  const Workspace work;
  work.save("q.png", discs(3, 2));
  check_refused(work, work.run(""), 2, "--help");
  check_refused(work, work.run("frobnicate"), 2, "frobnicate");
  check_refused(work, work.run("segment q.png -o out"), 2, "--");
  check_refused(work, work.segment("q.png"), 2, "--output");
  check_refused(work, work.segment("-o out"), 2, "QUERY");
  check_refused(work, work.segment("q.png -o out --frobnicate"), 2, "--frobnicate");
  check_refused(work, work.segment("q.png -o out --jobs 0"), 2, "--jobs");
  check_refused(work, work.segment("'' -o out"), 2, "QUERY");
  check_refused(work, work.segment("q.png -o ''"), 2, "--output");
  check_refused(work, work.segment("q.png -o out --preset fast"), 2, "fast");
  check_refused(work, work.segment("q.png -o out --set idm.threshold"), 2,
                "--set: got \"idm.threshold\", expected key=value");
  check_refused(work, work.segment("q.png -o out --set idm.treshold=3"), 2, "idm.treshold");
  check_refused(work, work.segment("q.png -o out --set idm.threshold=300"), 2, "300");
  check_refused(work, work.segment("q.png -o out --set idm.threshold=abc"), 2, "abc");
  for (const std::string tile : {"0", "-5", "64x64", "''"})
    check_refused(work, work.segment("q.png -o out --tile " + tile), 2, "--tile");
  for (const std::string command :
       {"segment q.png -o out --support support.png --mask mask.png", "eval set", "options"})
    check_refused(work, work.run(command + " --method sam"), 2,
                  "option method: got \"sam\", expected persense or grounded_sam or persam or "
                  "persam_f or matcher or everything or otsu");
  check_refused(work, work.run("options --method plus_plus --preset reference"), 2,
                "--method plus_plus: is a preset, got --preset reference, too");
  check_refused(work, work.segment("q.png -o out --set baselines.grid=0"), 2, "baselines.grid");
}

TEST_CASE("persense segment: stages that cannot be had are refused in one line", "[cli][errors]") {
  const Workspace work;
  work.save("q.png", discs(3, 2));
  const std::string run = "q.png -o out ";
  check_refused(work, work.segment(run + "--device cuda"), 2, "no stage is \"mini\" or an archive");
  check_refused(work, work.segment_by_default(run + "--models none"), 3, "models: got \"none\"");
  check_refused(work, work.segment_by_default(run + "--models ."), 3, "models: no encoder.pt");
  if (!Engine::has_torch()) {
    check_refused(work, work.segment(run + "--encoder e.pt"), 2, "made without LibTorch");
    check_refused(work, work.segment_by_default(run + "--device cuda"), 2,
                  "mini with device cuda, dtype fp32: this build was made without LibTorch");
    return;
  }
  work.save_text("own/mini.pt", "no network\n");
  check_refused(work, work.segment_by_default(run + "--models own"), 3,
                "own/mini.pt: not a zip file");
  for (const std::string slot : {"--encoder", "--detector", "--dmg", "--decoder"})
    check_refused(work, work.segment(run + slot + " none.pt"), 3, "none.pt: no such file");
  check_refused(work, work.segment(run + "--encoder q.png"), 3, "q.png: not a zip file");
  check_refused(work, work.segment(run + "--encoder e.pt --device tpu"), 2, "tpu");
  check_refused(work, work.segment(run + "--encoder e.pt --dtype fp8"), 2, "fp8");
}

TEST_CASE("persense segment: writes an overlay when no output is asked for", "[cli]") {
  const Workspace work;
  work.save("q.png", discs(3, 2));
  const Outcome outcome = work.segment("q.png -o out");
  INFO(outcome.err);
  CHECK(outcome.exit == 0);
  CHECK(
      outcome.err ==
      "persense: note: stages: encoder classic, detector classic, dmg classic, decoder classic\n");
  CHECK_THAT(outcome.out, contains("[1/1] q.png: 6 objects, ") && contains("1 image, 6 objects"));
  const auto files = work.outputs("out");
  REQUIRE(files.size() == 1);
  CHECK(files.begin()->first == "q_overlay.png");
  CHECK(cv::imread((work / "out/q_overlay.png").string()).size() == discs(3, 2).size());
}

TEST_CASE("persense segment: runs mini by default", "[cli]") {
  const Workspace work;
  work.save("q.png", discs(3, 2));
  const std::string outputs = " --labels --csv --coco --overlay --trace";
  REQUIRE(work.segment_by_default("q.png -o default" + outputs).exit == 0);
  REQUIRE(work.segment_by_default("q.png -o named" + outputs + " --models mini").exit == 0);
  CHECK(work.outputs("default").size() == 6);
  CHECK(work.outputs("default") == work.outputs("named"));
  // the stages are part of what --resume compares
  const Outcome resumed = work.segment_by_default("q.png -o default --resume --models classic");
  CHECK(resumed.exit == 2);
  CHECK_THAT(resumed.err, contains("classic"));
}

TEST_CASE("persense segment: --method grounded_sam gives what the engine gives, and its note",
          "[cli]") {
  const Workspace work;
  work.save("q.png", discs(4, 3));
  const Outcome outcome =
      work.segment("q.png -o out --method grounded_sam --labels --coco --csv --trace --overlay");
  INFO(outcome.err);
  REQUIRE(outcome.exit == 0);
  Options options;
  options.method = Method::grounded_sam;
  const Engine engine("classic", options);
  const cv::Mat support = discs(3, 2), mask = disc_mask(support), query = discs(4, 3);
  const Result expected = engine.segment(engine.support(ImageView::of_rgb(support), MaskView(mask)),
                                         ImageView::of_rgb(query));
  REQUIRE(expected.count() == 12);
  const auto coco = nlohmann::json::parse(read_text(work / "out/instances.json"));
  REQUIRE(coco["annotations"].size() == 12);
  for (std::size_t i = 0; i < 12; ++i) {
    const auto& annotation = coco["annotations"][i];
    CHECK(annotation["segmentation"]["counts"] ==
          io::rle_to_string(io::rle_counts(expected.instances[i].mask, expected.image_size)));
    CHECK(annotation["point"][0] == expected.instances[i].point.x);
    CHECK(annotation["point"][1] == expected.instances[i].point.y);
  }
  const std::string note = "the decoder takes points alone";
  CHECK_THAT(outcome.err, contains("q.png: " + note));
  CHECK_THAT(coco["images"][0]["notes"][0].get<std::string>(), contains(note));
  REQUIRE(work.segment("q.png -o set --set method=grounded_sam --labels --coco --csv --trace "
                       "--overlay")
              .exit == 0);
  CHECK(work.outputs("out") == work.outputs("set"));
  // what the method has no use for is not opened
  REQUIRE(work.segment("q.png -o unread --set method=grounded_sam --dmg none.pt --labels").exit ==
          0);
  CHECK(work.files("unread").at("q_labels.png") == work.files("out").at("q_labels.png"));
  const Outcome resumed = work.segment("q.png -o out --resume");  // by another method
  CHECK(resumed.exit == 2);
  CHECK_THAT(resumed.err, contains("grounded_sam"));
}

TEST_CASE("persense segment: label image, table and COCO file tell the same", "[cli]") {
  const Workspace work;
  work.save("q.png", discs(4, 3));
  const Outcome outcome =
      work.segment("q.png -o out --labels --csv --coco --trace --overlay --label disc");
  INFO(outcome.err);
  REQUIRE(outcome.exit == 0);
  const cv::Mat labels = cv::imread((work / "out/q_labels.png").string(), cv::IMREAD_UNCHANGED);
  CHECK(largest_label(work / "out/q_labels.png") == 12);
  const auto rows = csv_rows(read_text(work / "out/q_instances.csv"));
  const auto coco = nlohmann::json::parse(read_text(work / "out/instances.json"));
  REQUIRE(rows.size() == 13);
  REQUIRE(coco["annotations"].size() == 12);
  CHECK(coco["categories"][0]["name"] == "disc");
  CHECK(coco["images"][0]["file_name"] == "q.png");
  for (int id = 1; id <= 12; ++id) {
    const auto& row = rows[static_cast<std::size_t>(id)];
    const auto& annotation = coco["annotations"][static_cast<std::size_t>(id - 1)];
    const cv::Mat found = labels == id;
    const cv::Rect box = cv::boundingRect(found);
    CHECK(row[0] == std::to_string(id));
    CHECK(found.at<std::uint8_t>(std::stoi(row[2]), std::stoi(row[1])) == 255);
    CHECK(std::vector<int>{std::stoi(row[3]), std::stoi(row[4]), std::stoi(row[5]),
                           std::stoi(row[6])} ==
          std::vector<int>{box.x, box.y, box.x + box.width, box.y + box.height});
    CHECK(std::stoi(row[7]) == cv::countNonZero(found));
    const auto counts =
        io::rle_from_string(annotation["segmentation"]["counts"].get<std::string>());
    const Mask mask = io::mask_from_rle(counts, {labels.cols, labels.rows});
    CHECK(mask.area() == cv::countNonZero(found));
    CHECK(mask.box == PixelBox{box.x, box.y, box.x + box.width, box.y + box.height});
    CHECK(annotation["area"] == cv::countNonZero(found));
  }
  CHECK(!cv::imread((work / "out/q_trace.png").string()).empty());
}

TEST_CASE("persense segment: files, folders and patterns name queries, each once", "[cli]") {
  const Workspace work;
  save_queries(work);
  work.save_text("q/notes.txt", "not an image");
  const Outcome outcome = work.segment("q 'q/[01].png' q/0.png -o out");
  INFO(outcome.err);
  CHECK(outcome.exit == 0);
  CHECK_THAT(outcome.out, contains("[4/4]") && contains("4 images, 42 objects"));
  CHECK(work.outputs("out").size() == 4 + 1);  // the counts
}

TEST_CASE("persense segment: queries of one name get outputs of different names", "[cli]") {
  const Workspace work;
  work.save("day1/img.png", discs(3, 2));
  work.save("day2/img.png", discs(3, 3));
  work.save("day2/img.bmp", discs(3, 4));
  const Outcome outcome = work.segment("day1 day2 -o out --labels");
  INFO(outcome.err);
  CHECK(outcome.exit == 0);
  CHECK(largest_label(work / "out/day1_img_png_labels.png") == 6);
  CHECK(largest_label(work / "out/day2_img_png_labels.png") == 9);
  CHECK(largest_label(work / "out/img_bmp_labels.png") == 12);
}

TEST_CASE("persense segment: an output never replaces an input", "[cli][errors]") {
  const Workspace work;
  work.save("q/a.png", discs(3, 2));
  work.save("q/a_overlay.png", discs(3, 2));
  const auto before = work.files("q");
  check_refused(work, work.segment("q -o q"), 2, "a_overlay.png");
  CHECK(work.files("q") == before);
}

TEST_CASE("persense segment: the files do not depend on --jobs", "[cli]") {
  const Workspace work;
  save_queries(work);
  const std::string outputs = " --overlay --labels --csv --coco --trace";
  REQUIRE(work.segment("q -o one --jobs 1" + outputs).exit == 0);
  REQUIRE(work.segment("q -o four --jobs 4" + outputs).exit == 0);
  CHECK(work.outputs("one").size() == 4 * 4 + 3);
  CHECK(work.outputs("one") == work.outputs("four"));
}

TEST_CASE("persense segment: --resume after a crash does the rest and no more", "[cli][resume]") {
  const Workspace work;
  save_queries(work);
  REQUIRE(work.segment("q -o whole --coco --labels").exit == 0);
  // as a kill leaves it: two queries done, a third one's record line cut off
  REQUIRE(work.segment("q/0.png q/2.png -o out --coco --labels").exit == 0);
  std::ofstream(work / "out/.persense-run/record.jsonl", std::ios::app) << "{\"query\": \"/ho";
  fs::remove(work / "out/instances.json");
  const auto written = fs::last_write_time(work / "out/2_labels.png");

  const Outcome outcome = work.segment("q -o out --coco --labels --resume");
  INFO(outcome.err);
  CHECK(outcome.exit == 0);
  CHECK_THAT(outcome.out, contains("4 images, 42 objects") && contains("2 done earlier"));
  CHECK(work.outputs("out") == work.outputs("whole"));
  CHECK(fs::last_write_time(work / "out/2_labels.png") == written);

  CHECK_THAT(work.segment("q -o out --coco --labels --resume").out, contains("4 done earlier"));
}

TEST_CASE("persense segment: --resume does again what has changed or gone", "[cli][resume]") {
  const Workspace work;
  save_queries(work);
  REQUIRE(work.segment("q -o out --labels --resume").exit == 0);
  fs::remove(work / "out/0_labels.png");
  work.save("q/1.png", discs(3, 2));
  const Outcome outcome = work.segment("q -o out --labels --resume");
  CHECK_THAT(outcome.out, contains("2 done earlier"));
  CHECK(largest_label(work / "out/0_labels.png") == 6);
  CHECK(largest_label(work / "out/1_labels.png") == 6);
  // an output that the earlier run was not asked for
  CHECK_THAT(work.segment("q -o out --labels --csv --resume").out, !contains("earlier"));
  CHECK(work.outputs("out").size() == 8 + 1);
}

TEST_CASE("persense segment: --resume refuses other settings and names the first",
          "[cli][resume]") {
  const Workspace work;
  save_queries(work);
  REQUIRE(work.segment("q -o out").exit == 0);
  const auto before = work.files("out");
  const Outcome outcome = work.segment("q -o out --resume --set idm.threshold=31");
  INFO(outcome.err);
  CHECK(outcome.exit == 2);
  CHECK(outcome.lines() == 1);
  CHECK_THAT(outcome.err, contains("idm.threshold") && contains("30") && contains("31"));
  CHECK(work.files("out") == before);
  CHECK(work.segment("q -o out --set idm.threshold=31").exit == 0);
}

TEST_CASE("persense segment: --resume refuses what another built-in network began",
          "[cli][resume]") {
  const Workspace work;
  save_queries(work);
  REQUIRE(work.segment_by_default("q/0.png -o out").exit == 0);
  CHECK(work.segment_by_default("q -o out --resume").exit == 0);

  const fs::path file = work / "out/.persense-run/record.jsonl";
  const std::string record = read_text(file);
  const auto header = nlohmann::json::parse(record.substr(0, record.find('\n')));
  const std::string own = header.at("settings").at("mini");
  std::uint64_t hash = 14695981039346656037u;  // FNV-1a of the repository's file
  for (const char byte : read_text(PERSENSE_SOURCE_DIR "/src/mini/mini.pt"))
    hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211u;
  CHECK(std::stoull(own, nullptr, 16) == hash);

  const std::string other = "0123456789abcdef";
  work.save_text("out/.persense-run/record.jsonl",
                 std::string(record).replace(record.find(own), own.size(), other));
  const auto before = work.files("out");
  const Outcome outcome = work.segment_by_default("q -o out --resume");
  INFO(outcome.err);
  CHECK(outcome.exit == 2);
  CHECK(outcome.lines() == 1);
  CHECK_THAT(outcome.err, contains("mini = \"" + other + "\"") && contains(own));
  CHECK(work.files("out") == before);
  // stages without the network do not ask which it is
  REQUIRE(work.segment("q -o classic").exit == 0);
  CHECK_THAT(read_text(work / "classic/.persense-run/record.jsonl"), contains("\"mini\":\"\""));
}

TEST_CASE("persense segment: a damaged run record is named", "[cli][resume][errors]") {
  const Workspace work;
  work.save("q.png", discs(3, 2));
  work.save_text("out/.persense-run/record.jsonl", "what is this\n");
  const Outcome outcome = work.segment("q.png -o out --resume");
  CHECK(outcome.exit == 3);
  CHECK(outcome.lines() == 1);
  CHECK_THAT(outcome.err, contains("record.jsonl: line 1"));
}

TEST_CASE("persense segment: an interrupted run exits with 130 and can be resumed",
          "[cli][resume]") {
  const Workspace work;
  for (int i = 100; i < 140; ++i) work.save("q/" + std::to_string(i) + ".png", discs(8 + i % 3, 8));
  // SIGTERM as a stand-in: shells start background jobs with SIGINT ignored
  const Outcome outcome = work.shell(
      "\"$P\" segment --models classic --support support.png --mask mask.png q -o out --labels "
      "--coco --jobs 2 & "
      "pid=$!; until [ -e out/102_labels.png ]; do sleep 0.01; done; kill -TERM $pid; wait $pid");
  INFO(outcome.err);
  CHECK(outcome.exit == 130);
  CHECK(outcome.lines() == 1);
  CHECK_THAT(outcome.err, contains("of 40 images done"));
  CHECK(!fs::exists(work / "out/instances.json"));
  for (const auto& [name, unused] : work.files("out")) CHECK_THAT(name, !contains(".tmp"));

  REQUIRE(work.segment("q -o out --labels --coco --resume").exit == 0);
  const auto coco = nlohmann::json::parse(read_text(work / "out/instances.json"));
  REQUIRE(coco["images"].size() == 40);
  for (std::size_t i = 0; i < 40; ++i)
    CHECK(coco["images"][i]["file_name"] == std::to_string(100 + i) + ".png");
}

TEST_CASE("persense segment: a kill leaves complete files only", "[cli][resume]") {
  const Workspace work;
  for (int i = 100; i < 130; ++i) work.save("q/" + std::to_string(i) + ".png", discs(8, 8));
  work.shell(
      "\"$P\" segment --models classic --support support.png --mask mask.png q -o out --labels "
      "--overlay & pid=$!; "
      "until [ -e out/103_labels.png ]; do sleep 0.01; done; kill -KILL $pid; wait $pid");
  for (const auto& [name, unused] : work.outputs("out"))
    if (name[0] != '.') CHECK(!cv::imread((work / "out" / name).string(), -1).empty());
  // what a kill in the middle of a write leaves: a process that ends without a word
  const pid_t child = ::fork();
  if (child == 0) {
    new io::AtomicFile(work / "out/103_labels.png");
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  REQUIRE(std::ranges::any_of(work.files("out"),
                              [](const auto& file) { return file.first.ends_with(".tmp"); }));
  CHECK(work.segment("q -o out --labels --overlay --resume").exit == 0);
  CHECK(work.outputs("out").size() == 60 + 1);
  for (const auto& [name, unused] : work.files("out")) CHECK_THAT(name, !contains(".tmp"));
}

TEST_CASE("persense segment: one unreadable query is reported and skipped", "[cli][errors]") {
  const Workspace work;
  save_queries(work);
  work.truncate("q/1.png");
  const Outcome outcome = work.segment("q -o out --labels --coco --jobs 2");
  INFO(outcome.err);
  CHECK(outcome.exit == 1);
  CHECK(outcome.lines() == 1);
  CHECK_THAT(outcome.err, contains("q/1.png"));
  CHECK_THAT(outcome.out, contains("3 of 4 images, 33 objects"));
  CHECK(work.outputs("out").size() == 4 + 1);
  const auto coco = nlohmann::json::parse(read_text(work / "out/instances.json"));
  CHECK(coco["images"].size() == 3);
  CHECK(coco["annotations"].size() == 33);
}

TEST_CASE("persense segment: unreadable queries give one line each and no file", "[cli][errors]") {
  const Workspace work;
  work.save("cut.png", discs(6, 6));
  work.truncate("cut.png");
  work.save("cut.jpg", discs(6, 6));
  work.truncate("cut.jpg");
  // the pixels alone are damaged, as a bad disk does it
  work.save("hurt.png", discs(20, 20));
  std::string hurt = read_text(work / "hurt.png");
  std::fill(hurt.begin() + 100, hurt.begin() + 400, 'x');
  work.save_text("hurt.png", hurt);
  work.save_text("empty.png", "");
  work.save_text("words.png", "these are words, not pixels\n");
  fs::create_directories(work / "nothing");
  for (const std::string query : {"cut.png", "cut.jpg", "hurt.png", "empty.png", "words.png",
                                  "missing.png", "nothing", "'*.webp'"}) {
    INFO(query);
    check_refused(work, work.segment(query + " -o out"), 3, query == "'*.webp'" ? "*.webp" : query);
  }
}

TEST_CASE("persense segment: an image beyond OpenCV's limit is one line", "[cli][errors]") {
  const Workspace work;
  work.save("q.png", discs(3, 2));
  const Outcome outcome = work.shell(
      "OPENCV_IO_MAX_IMAGE_WIDTH=100 \"$P\" segment --models classic --support support.png --mask "
      "mask.png q.png "
      "-o out");
  check_refused(work, outcome, 3, "OPENCV_IO_MAX_IMAGE_PIXELS");
}

TEST_CASE("persense segment: the content counts, not the extension", "[cli]") {
  const Workspace work;
  work.save("q.png", discs(3, 2));
  fs::rename(work / "q.png", work / "q.jpg");
  const Outcome outcome = work.segment("q.jpg -o out --labels");
  INFO(outcome.err);
  CHECK(outcome.exit == 0);
  CHECK(largest_label(work / "out/q_labels.png") == 6);
}

TEST_CASE("persense segment: of a folder, what is no query is left out and told",
          "[cli][queries]") {
  const Workspace w;
  w.save("in/a.png", discs(3, 2));
  fs::copy_file(w / "in/a.png", w / "in/b.jfif");  // told by content
  w.save("in/a_labels.png", discs(3, 2));
  w.save_text("in/.persense-run/record.jsonl", "");  // an earlier run wrote to the folder
  w.save("in/m.png", disc_mask(discs(3, 2)));
  w.save_text("in/._a.png", "AppleDouble");
  for (const char* name : {"in/c.HEIC", "in/d.gif", "in/notes.txt"}) w.save_text(name, "x");
  fs::create_symlink("a.png", w / "in/link.png");
  const auto outcome =
      w.run("segment --models classic --support in/a.png --mask in/m.png in -o out --csv");
  CHECK(outcome.exit == 0);
  CHECK(w.outputs("out").size() == 2 + 1);
  CHECK_THAT(outcome.err,
             ContainsSubstring("in: left out 2 files of formats that are not read (gif, heic)"));
  CHECK_THAT(outcome.err, ContainsSubstring("in: left out 1 file that this program wrote"));
  CHECK_THAT(outcome.err, ContainsSubstring("in: left out 1 file that marks the support object"));
  CHECK_THAT(outcome.err, ContainsSubstring("left out 1 that is another one again"));
}

TEST_CASE("persense segment: outputs may lie beside the queries, run after run", "[cli][queries]") {
  const Workspace w;
  w.save("in/a.png", discs(3, 2));
  const std::string line = "in -o in --overlay --labels --csv --trace --support-overlay";
  REQUIRE(w.segment(line).exit == 0);
  const auto again = w.segment(line + " --resume");
  CHECK(again.exit == 0);
  CHECK_THAT(again.out, ContainsSubstring("1 done earlier"));
}

TEST_CASE("persense segment: pages of a TIFF are queries by --page, with a note without it",
          "[cli][queries]") {
  const Workspace w;
  const cv::Mat empty(discs(3, 2).size(), CV_8UC3, cv::Scalar(20, 24, 28));
  REQUIRE(cv::imwritemulti((w / "s.tif").string(), std::vector<cv::Mat>{empty, discs(3, 2)}));
  const auto first = w.segment("s.tif -o one --csv");
  CHECK(first.exit == 0);
  CHECK_THAT(first.err, ContainsSubstring("page 1 of 2 was read; --page N reads another one"));
  CHECK_THAT(w.segment("s.tif -o two --csv --page 2").out, ContainsSubstring("1 image, 6 objects"));
  const auto all = w.segment("s.tif -o all --csv --coco --page all");
  CHECK_THAT(all.out, ContainsSubstring("2 images, 6 objects"));
  CHECK(w.outputs("all").contains("s_p1_instances.csv"));
  CHECK(w.outputs("all").contains("s_p2_instances.csv"));
  CHECK_THAT(read_text(w / "all/instances.json"), ContainsSubstring("s.tif#page=2"));
  CHECK(w.segment("s.tif -o all --csv --coco --page all --resume").out.find("2 done earlier") !=
        std::string::npos);
  CHECK_THAT(w.segment("s.tif -o x --page 3").err,
             ContainsSubstring("s.tif: page 3: the file has 2 pages that can be read"));
  CHECK_THAT(w.segment("s.tif -o x --page first").err,
             ContainsSubstring("--page: got \"first\", expected a number from 1, or all"));
}

TEST_CASE("persense segment: 16-bit images of a run are read through one window, which is told",
          "[cli][queries]") {
  const Workspace w;
  cv::Mat grey, deep;
  cv::cvtColor(discs(3, 2), grey, cv::COLOR_BGR2GRAY);
  grey.convertTo(deep, CV_16U, 0.4, 520);
  w.save("s.png", deep);
  cv::Mat hot = deep.clone();
  hot.at<std::uint16_t>(3, 3) = 65535;
  w.save("hot.png", hot);
  const auto outcome = w.run(
      "segment --models classic --support s.png --mask mask.png hot.png s.png -o out --labels");
  CHECK(outcome.exit == 0);
  CHECK_THAT(outcome.out, ContainsSubstring("2 images, 12 objects"));
  CHECK_THAT(outcome.err, ContainsSubstring("530 is black and 605 white, by the 0.1st and 99.9th "
                                            "percentile of the support image; --window sets it"));
  const auto set = w.segment("hot.png -o out --window 500,700");
  CHECK_THAT(set.err, ContainsSubstring("500 is black and 700 white, as --window says"));
  CHECK_THAT(w.segment("hot.png -o out --window 700,500").err,
             ContainsSubstring("--window: got \"700,500\", expected LOW,HIGH"));
}

TEST_CASE("persense segment: --coco-polygons writes the outer borders", "[cli]") {
  const Workspace w;
  w.save("q.png", discs(3, 2));
  REQUIRE(w.segment("q.png -o runs --coco").exit == 0);
  REQUIRE(w.segment("q.png -o polygons --coco-polygons").exit == 0);
  const auto runs = nlohmann::json::parse(read_text(w / "runs/instances.json"));
  const auto polygons = nlohmann::json::parse(read_text(w / "polygons/instances.json"));
  REQUIRE(polygons["annotations"].size() == runs["annotations"].size());
  for (const auto& a : polygons["annotations"]) {
    REQUIRE(a["segmentation"].size() == 1);
    const auto corners = a["segmentation"][0].get<std::vector<double>>();
    double twice_area = 0;
    for (std::size_t i = 0; i < corners.size(); i += 2) {
      const std::size_t j = (i + 2) % corners.size();
      twice_area += corners[i] * corners[j + 1] - corners[j] * corners[i + 1];
    }
    CHECK(twice_area / 2 == a["area"]);  // corners of pixels: to the pixel
  }
}

TEST_CASE("persense segment: a query may be a pipe, which is read once", "[cli][queries]") {
  const Workspace w;
  w.save("q.png", discs(3, 2));
  const auto piped = w.shell(
      "mkfifo q.fifo; cat q.png > q.fifo & timeout 60 \"$P\" segment --models classic --support "
      "support.png --mask mask.png q.fifo -o out --csv");
  CHECK(piped.exit == 0);
  CHECK_THAT(piped.out, ContainsSubstring("1 image, 6 objects"));
  const auto marked = w.shell(
      "cat q.png > q.fifo & timeout 60 \"$P\" segment --models classic --box 22,22,48,48 q.fifo -o "
      "out --csv");
  CHECK(marked.exit == 0);
}

TEST_CASE("persense segment: --resume knows an image by its content", "[cli][resume]") {
  const Workspace w;
  w.save("in/a.png", discs(3, 2));
  REQUIRE(w.segment("in -o out --csv").exit == 0);
  fs::rename(w / "in", w / "moved");
  CHECK_THAT(w.segment("moved -o out --csv --resume").out, ContainsSubstring("1 done earlier"));
  w.save("moved/a.bmp", discs(2, 2));  // would share the name of the outputs
  const auto joined = w.segment("moved -o out --csv --resume");
  CHECK_THAT(joined.out, ContainsSubstring("(1 done earlier)"));
  CHECK(w.outputs("out").size() == 2 + 1);
  CHECK(w.outputs("out").contains("a_instances.csv"));
  CHECK(w.outputs("out").contains("a_bmp_instances.csv"));
}

TEST_CASE("persense segment: --resume leaves images with the same bytes their own names",
          "[cli][resume]") {
  const Workspace w;
  for (const char* const name : {"q/a.png", "q/b.png", "q/c.png"}) w.save(name, discs(3, 2));
  REQUIRE(w.segment("q -o whole --csv").exit == 0);
  REQUIRE(w.segment("q/b.png -o out --csv").exit == 0);  // as a kill leaves it with --jobs 2
  CHECK_THAT(w.segment("q -o out --csv --resume").out, contains("(1 done earlier)"));
  CHECK(w.outputs("out") == w.outputs("whole"));
  fs::rename(w / "q", w / "moved");
  CHECK_THAT(w.segment("moved -o out --csv --resume").out, contains("(3 done earlier)"));
}

TEST_CASE("persense segment: names that are not UTF-8 stay two, and are known again",
          "[cli][resume]") {
  const Workspace w;
  w.save("a.png", discs(3, 2));
  REQUIRE(w.shell("mkdir in; cp a.png \"in/$(printf 'n\\351.png')\"; "
                  "cp support.png \"in/$(printf 'n\\350.png')\"")
              .exit == 0);
  REQUIRE(w.segment("in -o out --coco").exit == 0);
  const std::string coco = read_text(w / "out/instances.json");
  CHECK_THAT(coco, ContainsSubstring("n\\\\xE9.png") && ContainsSubstring("n\\\\xE8.png"));
  CHECK_THAT(w.segment("in -o out --coco --resume").out, ContainsSubstring("2 done earlier"));
}

TEST_CASE("persense segment: a name too long for its outputs is skipped with one line",
          "[cli][errors]") {
  const Workspace w;
  w.save("in/a.png", discs(3, 2));
  w.save("in/" + std::string(245, 'b') + ".png", discs(3, 2));
  w.save("in/c.png", discs(3, 2));
  const auto outcome = w.segment("in -o out");
  CHECK(outcome.exit == 1);
  CHECK(outcome.error_lines() == 1);
  CHECK_THAT(outcome.err, ContainsSubstring("expected a query with a shorter name"));
  CHECK(w.outputs("out").size() == 2 + 1);
}

TEST_CASE("persense segment: temporary files of other machines stay, and names do not collide",
          "[cli][errors]") {
  const Workspace w;
  w.save_text("out/.persense-3999999-0.tmp", "of an earlier version, or of another machine");
  w.save_text("out/.persense-0123456789abcdef-3999999-0123456789abcdef.tmp", "of another machine");
  CHECK(w.segment("support.png -o out --csv").exit == 0);
  CHECK(w.files("out").contains(".persense-3999999-0.tmp"));
  CHECK(w.files("out").contains(".persense-0123456789abcdef-3999999-0123456789abcdef.tmp"));
}

TEST_CASE("persense segment: masks that are surely not meant are told", "[cli][marks]") {
  const Workspace w;
  const cv::Mat mask = disc_mask(discs(3, 2));
  const auto told = [&](const cv::Mat& other) {
    w.save("odd.png", other);
    return w.run("segment --models classic --support support.png --mask odd.png support.png -o out")
        .err;
  };
  CHECK_THAT(told(~mask), ContainsSubstring("it may be inverted"));
  cv::Mat ring = cv::Mat::zeros(mask.size(), CV_8UC1);
  cv::circle(ring, {35, 35}, 12, 255, 1);
  CHECK_THAT(told(ring), ContainsSubstring("is an outline, a line about 1 pixels wide"));
  cv::Mat dot = cv::Mat::zeros(mask.size(), CV_8UC1);
  dot(cv::Rect(34, 34, 3, 2)) = 255;
  CHECK_THAT(told(dot), ContainsSubstring("has 6 pixels, too few to tell"));
  CHECK_THAT(told(mask), !ContainsSubstring("note: support mask"));
}

TEST_CASE("persense segment: a support that cannot be used is refused", "[cli][errors]") {
  const Workspace work;
  work.save("q.png", discs(3, 2));
  const cv::Size size = discs(3, 2).size();
  const auto with_mask = [&](const std::string& mask) {
    return work.run("segment --models classic --support support.png --mask " + mask +
                    " q.png -o out");
  };
  work.save("none.png", cv::Mat::zeros(size, CV_8UC1));
  check_refused(work, with_mask("none.png"), 2, "support mask");
  work.save("all.png", cv::Mat(size, CV_8UC1, cv::Scalar(255)));
  check_refused(work, with_mask("all.png"), 2, "covers the whole image");
  work.save("small.png", disc_mask(cv::Mat(60, 60, CV_8UC3)));
  check_refused(work, with_mask("small.png"), 2, "60 x 60");
  check_refused(work, with_mask("missing.png"), 3, "missing.png");
  work.save_text("words.png", "words");
  check_refused(work, with_mask("words.png"), 3, "words.png");
  check_refused(work,
                work.run("segment --models classic --support no.png --mask mask.png q.png -o out"),
                3, "no.png");
}

TEST_CASE("persense segment: of a mask with several parts the largest is used, with one note",
          "[cli][errors]") {
  const Workspace work;
  save_queries(work);
  cv::Mat mask = disc_mask(discs(3, 2));
  cv::circle(mask, {85, 35}, 4, 255, cv::FILLED);
  work.save("two.png", mask);
  const Outcome outcome =
      work.run("segment --models classic --support support.png --mask two.png q -o out");
  INFO(outcome.err);
  CHECK(outcome.exit == 0);
  CHECK(outcome.lines() == 1);
  CHECK_THAT(outcome.err,
             Catch::Matchers::StartsWith("persense: note: ") && contains("2 separate"));
  CHECK_THAT(outcome.out, contains("42 objects"));
}

TEST_CASE("persense segment: images of any size, and without any object, are results",
          "[cli][errors]") {
  const Workspace work;
  const std::vector<cv::Size> sizes = {{1, 1},   {2, 1},   {1, 2},      {2, 2},
                                       {1, 500}, {500, 1}, {30000, 10}, {10, 30000}};
  for (const cv::Size size : sizes)
    work.save("q/" + std::to_string(size.width) + "x" + std::to_string(size.height) + ".png",
              cv::Mat(size, CV_8UC3, cv::Scalar(20, 24, 28)));
  work.save("q/blank.png", cv::Mat(300, 400, CV_8UC3, cv::Scalar(20, 24, 28)));
  const Outcome outcome = work.segment("q -o out --labels --csv --coco --overlay --trace");
  INFO(outcome.err);
  CHECK(outcome.exit == 0);
  CHECK(outcome.error_lines() == 0);
  CHECK_THAT(outcome.out, contains("9 images, 0 objects"));
  CHECK(csv_rows(read_text(work / "out/blank_instances.csv")).size() == 1);
  CHECK(largest_label(work / "out/30000x10_labels.png") == 0);
  const auto coco = nlohmann::json::parse(read_text(work / "out/instances.json"));
  CHECK(coco["images"].size() == 9);
  CHECK(coco["annotations"].empty());
}

TEST_CASE("persense segment: a folder that cannot be written to is exit code 4", "[cli][errors]") {
  const Workspace work;
  work.save("q.png", discs(3, 2));
  work.save_text("file", "in the way");
  for (const std::string folder : {"file", "file/below", "/proc/persense"}) {
    const Outcome outcome = work.segment("q.png -o " + folder);
    INFO(outcome.err);
    check_refused(work, outcome, 4, folder);
  }
  CHECK(read_text(work / "file") == "in the way");
}

TEST_CASE("persense segment: a full disk is exit code 4 and leaves no part of a file",
          "[cli][errors]") {
  const Workspace work;
  cv::Mat noise(1200, 1200, CV_8UC3);
  cv::theRNG().state = 7;
  cv::randu(noise, 0, 60);
  work.save("q/1.png", noise);
  work.save("q/2.png", noise);
  // the limit (64 KiB) stands in for the disk: a noise image's overlay is some MB
  const Outcome outcome = work.shell(
      "ulimit -f 64; \"$P\" segment --models classic --support support.png --mask mask.png q -o "
      "out");
  check_refused(work, outcome, 4, "1_overlay.png");
}

TEST_CASE("persense: a standard output that takes nothing is exit code 4", "[cli][errors]") {
  if (!fs::exists("/dev/full")) {
    WARN("skipped: this system has no /dev/full");
    return;
  }
  const Workspace work;
  save_queries(work);
  for (const std::string command :
       {"options", "--help",
        "segment --models classic --support support.png --mask mask.png q -o out"}) {
    const Outcome outcome = work.shell("\"$P\" " + command + " > /dev/full");
    INFO(outcome.err);
    CHECK(outcome.exit == 4);
    CHECK(outcome.lines() == 1);
    CHECK_THAT(outcome.err, contains("standard output"));
  }
  CHECK(work.outputs("out").size() == 4 + 1);
}

TEST_CASE("persense points: prints one x,y line a candidate and the count beside it",
          "[cli][points]") {
  const Workspace work;
  io::write_npy(work / "d.npy", two_blobs());
  const Outcome outcome = work.run("points d.npy --size 120x80");
  INFO(outcome.err);
  CHECK(outcome.exit == 0);
  CHECK(outcome.out == "90,40\n30,40\n");
  CHECK(outcome.err == "2 points, estimated count 2.00\n");
  CHECK(work.run("points d.npy").out == "45,20\n15,20\n");

  CHECK(work.run("points d.npy --size 120x80 -o p.csv").out.empty());
  CHECK(read_text(work / "p.csv") == "x,y\n90,40\n30,40\n");
  REQUIRE(work.run("points d.npy --size 120x80 -o p.json").exit == 0);
  const auto json = nlohmann::json::parse(read_text(work / "p.json"));
  CHECK(json["points"] == nlohmann::json({{90, 40}, {30, 40}}));
  CHECK(json["size"] == nlohmann::json({120, 80}));
  CHECK(json["count"].get<double>() == Approx(2).margin(1e-3));  // float32 sum of 2400 cells
}

TEST_CASE("persense points: PPSM keeps the similar points in a box", "[cli][points]") {
  const Workspace work;
  io::write_npy(work / "d.npy", two_blobs());
  FloatMap similarity = FloatMap::Constant(40, 60, 0.1f);
  similarity.leftCols(30) = 0.9f;
  io::write_npy(work / "s.npy", similarity);
  work.save_text("all.json", "[[0, 0, 60, 40]]");
  work.save_text("right.json", "[[30, 0, 60, 40.5]]");
  const std::string command = "points d.npy --similarity s.npy ";
  // the threshold is 0.9 / (2 / sqrt 2) = 0.64
  CHECK(work.run(command + "--boxes all.json").out == "15,20\n");
  // a count of 20 lowers it to 0.064
  CHECK(work.run(command + "--boxes all.json --count 20").out == "45,20\n15,20\n");
  CHECK(work.run(command + "--boxes right.json --count 20").out == "45,20\n");
  const Outcome none = work.run(command + "--boxes right.json");
  CHECK(none.out == "45,20\n15,20\n");
  CHECK_THAT(none.err, contains("persense: note: no candidate point passed PPSM"));
}

TEST_CASE("persense points: bad input is one line with the right exit code", "[cli][errors]") {
  const Workspace work;
  FloatMap map = two_blobs();
  io::write_npy(work / "d.npy", map);
  map(3, 5) = std::numeric_limits<float>::quiet_NaN();
  io::write_npy(work / "nan.npy", map);
  map(3, 5) = std::numeric_limits<float>::infinity();
  io::write_npy(work / "inf.npy", map);
  work.save_text("words.npy", "words");
  work.save_text("boxes.json", "[[1, 2, 3]]");
  work.save_text("broken.json", "[[1, 2");
  io::write_npy(work / "s.npy", FloatMap::Ones(4, 4));
  work.save_text("good.json", "[[0, 0, 60, 40]]");
  check_refused(work, work.run("points nan.npy"), 2, "x=5, y=3");
  check_refused(work, work.run("points inf.npy"), 2, "x=5, y=3");
  check_refused(work, work.run("points words.npy"), 3, "words.npy");
  check_refused(work, work.run("points missing.npy"), 3, "missing.npy");
  check_refused(work, work.run("points d.npy --similarity s.npy"), 2, "--boxes");
  check_refused(work, work.run("points d.npy --similarity s.npy --boxes good.json"), 2, "4 x 4");
  for (const std::string boxes : {"boxes.json", "broken.json"})
    check_refused(work, work.run("points d.npy --similarity d.npy --boxes " + boxes), 3, boxes);
  for (const std::string size : {"12", "12x", "x12", "0x4", "12x-3", "12x4x5", "9999999999x1"})
    check_refused(work, work.run("points d.npy --size " + size), 2, size);
  check_refused(work, work.run("points d.npy -o points.txt"), 2, ".csv");
  check_refused(work, work.run("points d.npy -o nowhere/points.csv"), 4, "nowhere/points.csv");
}

TEST_CASE("persense points: a map without any candidate gives no line and exit code 0",
          "[cli][points]") {
  const Workspace work;
  io::write_npy(work / "flat.npy", FloatMap::Constant(20, 20, 0.5f));
  const Outcome outcome = work.run("points flat.npy --size 40x40");
  CHECK(outcome.exit == 0);
  CHECK(outcome.out.empty());
  CHECK_THAT(outcome.err, contains("0 points"));
}

namespace {

// A data set of two classes: discs with instance truth, and with union masks alone.
void save_dataset(const Workspace& work) {
  for (const std::string name : {"discs", "more"}) {
    work.save("set/" + name + "/00.jpg", discs(3, 2));
    work.save("set/" + name + "/00.png", disc_mask(discs(3, 2)));
    for (int i = 1; i <= 2; ++i) {
      const std::string stem = "set/" + name + "/0" + std::to_string(i);
      const cv::Mat picture = discs(3, 2 + i);
      work.save(stem + ".jpg", picture);
      cv::Mat gray, labels;
      cv::cvtColor(picture, gray, cv::COLOR_BGR2GRAY);
      cv::connectedComponents(gray > 100, labels, 8, CV_16U);
      if (name == "discs") work.save(stem + "_instances.png", labels);
      work.save(stem + ".png", gray > 100);
    }
  }
}

}  // namespace

TEST_CASE("persense eval: prints a table, and writes scores and label images", "[cli][eval]") {
  const Workspace work;
  save_dataset(work);
  const Outcome outcome =
      work.run("eval set --models classic --json scores.json --save-labels found");
  INFO(outcome.err);
  CHECK(outcome.exit == 0);
  CHECK_THAT(outcome.out, contains("discs") && contains("more") && contains("mean"));
  CHECK_THAT(outcome.err, contains("[4/4]"));
  const auto scores = nlohmann::json::parse(read_text(work / "scores.json"));
  CHECK(scores["classes"]["discs"]["f1"].get<double>() == 1.0);
  CHECK(scores["classes"]["discs"]["count_mae"].get<double>() == 0.0);
  CHECK(scores["classes"]["more"].count("f1") == 0);
  CHECK(scores["mean"]["seconds_per_image"].get<double>() > 0);
  CHECK(largest_label(work / "found/discs/01_labels.png") == 9);
  CHECK(largest_label(work / "found/more/02_labels.png") == 12);

  REQUIRE(work.run("eval set --models classic --save-labels again --jobs 4").exit == 0);
  CHECK(work.files("found") == work.files("again"));
}

TEST_CASE("persense eval: --method scores another method", "[cli][eval]") {
  const Workspace work;
  save_dataset(work);
  const Outcome outcome =
      work.run("eval set --models classic --method grounded_sam --json scores.json");
  INFO(outcome.err);
  CHECK(outcome.exit == 0);
  CHECK_THAT(outcome.err, contains("discs/01.jpg: the decoder takes points alone"));
  const auto scores = nlohmann::json::parse(read_text(work / "scores.json"));
  CHECK(scores["classes"]["discs"]["f1"].get<double>() > 0.5);
}

TEST_CASE("persense eval: --method scores PerSense++ and every baseline", "[cli][eval]") {
  const Workspace work;
  save_dataset(work);
  for (const std::string method :
       {"persense", "plus_plus", "persam", "matcher", "everything", "otsu"}) {
    INFO(method);
    const Outcome outcome = work.run("eval set --models classic --classes discs --json " + method +
                                     ".json --method " + method);
    INFO(outcome.err);
    REQUIRE(outcome.exit == 0);
    const auto scores = nlohmann::json::parse(read_text(work / (method + ".json")));
    // Matcher merges what overlaps, and finds few of the touching ones
    CHECK(scores["classes"]["discs"]["f1"].get<double>() > (method == "matcher" ? 0.3 : 0.5));
  }
  check_refused(work, work.run("eval set --models classic --method persam_f"), 2,
                "method persam_f: the decoder has one mask for each prompt");
  const Outcome by_method = work.run("options --method plus_plus");
  CHECK(by_method.exit == 0);
  CHECK(by_method.out == work.run("options --preset plus_plus").out);
}

TEST_CASE("persense eval: --classes takes some of the classes", "[cli][eval]") {
  const Workspace work;
  save_dataset(work);
  const Outcome outcome = work.run("eval set --models classic --classes more --json scores.json");
  CHECK(outcome.exit == 0);
  CHECK(nlohmann::json::parse(read_text(work / "scores.json"))["classes"].size() == 1);
  check_refused(work, work.run("eval set --models classic --classes more,mroe"), 2, "mroe");
}

TEST_CASE("persense eval: --examples marks objects of the first query, which is not scored",
          "[cli][eval]") {
  const Workspace work;
  save_dataset(work);
  const Outcome outcome =
      work.run("eval set --models classic --classes discs --examples 3 --json scores.json");
  INFO(outcome.err);
  REQUIRE(outcome.exit == 0);
  CHECK_THAT(outcome.err, contains("[1/1]") && !contains("01.jpg"));
  const auto discs = nlohmann::json::parse(read_text(work / "scores.json"))["classes"]["discs"];
  CHECK(discs["images"] == 1);
  CHECK(discs["f1"].get<double>() == 1.0);
  check_refused(work, work.run("eval set --models classic --examples 3"), 2,
                "--examples: more: expected at least two queries");
  check_refused(work, work.run("eval set --models classic --classes discs --examples 99"), 2,
                "01_instances.png: got 9 objects, expected at least 98");
  work.save("set/discs/01_instances.png", cv::Mat::ones(5, 7, CV_16U));
  check_refused(work, work.run("eval set --models classic --classes discs --examples 2"), 2,
                "01_instances.png: got 7 x 5, expected ");
}

TEST_CASE("persense eval: a data set that cannot be read is refused", "[cli][errors]") {
  const Workspace work;
  save_dataset(work);
  check_refused(work, work.run("eval nowhere"), 3, "nowhere");
  fs::create_directories(work / "hollow");
  check_refused(work, work.run("eval hollow"), 2, "hollow");
  fs::remove(work / "set/more/00.png");
  check_refused(work, work.run("eval set --models classic"), 3, "more");
}
