// Data sets of every format but PerSense-D's, and their episodes.
#include <fmt/format.h>

#include <set>

#include "../io/scratch.hpp"
#include "annotation_files.hpp"
#include "catch.hpp"
#include "persense/error.hpp"
#include "persense/eval/dataset.hpp"
#include "persense/eval/episodes.hpp"
#include "persense/eval/truth.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace persense;
using namespace persense::test;
using nlohmann::json;

namespace {

bool everywhere(int, int) { return true; }

/// A COCO file with its images.
void put_coco(const Scratch& scratch, int images, int categories, auto&& has) {
  put_text(scratch / "coco.json", squares(images, categories, has).dump());
  put_images(scratch.path(), images);
}

std::string refused(const Scratch& scratch, const eval::DatasetRequest& request) {
  return message_of<InvalidArgument>([&] { eval::open_dataset(scratch / "coco.json", request); });
}

}  // namespace

TEST_CASE("open_dataset: each class of a COCO file has one support, other images are queries",
          "[eval][formats]") {
  const Scratch scratch;
  // c0 is everywhere, c1 in the even images, c2 in one alone
  put_coco(scratch, 6, 3, [](int i, int c) { return c == 0 || (c == 1 && i % 2 == 0) || i == 5; });
  for (const auto& path : {scratch / "coco.json", scratch.path()}) {
    const auto dataset = eval::open_dataset(path, {});
    CHECK(dataset.format == "coco");
    REQUIRE(dataset.classes.size() == 2);
    CHECK(dataset.classes[0].name == "c0");
    CHECK(dataset.classes[0].queries.size() == 5);
    CHECK(dataset.classes[1].queries.size() == 3);  // 2, 4, 5 and 6 without the support
    for (const auto& c : dataset.classes) {
      REQUIRE(c.supports.size() == 1);
      CHECK(c.supports[0].annotated.objects.size() == 1);
      for (const auto& query : c.queries) {
        CHECK(query.image != c.supports[0].image);
        CHECK(fs::exists(query.image));
        CHECK(eval::read_truth(query).objects.size() == 2);
      }
    }
  }
}

TEST_CASE("open_dataset: the support annotation may be given, and absent images be added",
          "[eval][formats]") {
  const Scratch scratch;
  put_coco(scratch, 9, 2, [](int i, int c) { return c == 0 || i < 4; });
  eval::DatasetRequest request;
  request.support = 3012;  // the second of c1 in the image 3
  request.absent = 3;
  const auto dataset = eval::open_dataset(scratch / "coco.json", request);
  REQUIRE(dataset.classes.size() == 1);
  const auto& c1 = dataset.classes[0];
  CHECK(c1.name == "c1");
  CHECK(c1.supports[0].image.filename() == "3.png");
  CHECK(tight_box(MaskView(eval::support_mask(c1.supports[0]))) == PixelBox{20, 5, 30, 13});
  REQUIRE(c1.queries.size() == 2 + 3);
  CHECK(eval::read_truth(c1.queries[1]).objects.size() == 2);
  const eval::Truth absent = eval::read_truth(c1.queries[4]);
  CHECK(absent.annotated);
  CHECK(absent.objects.empty());
  request.support = 77;
  CHECK(refused(scratch, request) == "--support-annotation: the data set has no annotation 77");
}

TEST_CASE("draw_episodes: a fold of COCO-20i has every fourth class, and two images an episode",
          "[eval][episodes]") {
  const Scratch scratch;
  put_coco(scratch, 12, 80, [](int i, int c) { return (i + c) % 3 != 0; });
  const auto file = eval::AnnotationFile::open(scratch / "coco.json");
  eval::DatasetRequest request;
  request.fold = 2;
  const eval::EpisodeList list = eval::draw_episodes(*file, request);
  CHECK(list.episodes.size() == 1000);
  std::map<std::string, int> classes;
  for (const auto& e : list.episodes) {
    ++classes[e.class_name];
    CHECK(std::stoi(e.class_name.substr(1)) % 4 == 2);
    CHECK(e.support_image != e.query_image);
    CHECK(e.marked.size() == 2);  // of the benchmark: all of the class
    CHECK(std::to_string(e.marked[0] / 1000) + ".png" == e.support_image);
  }
  CHECK(classes.size() == 20);
  for (const auto& [name, count] : classes) CHECK((count > 20 && count < 90));  // 50 on average
  CHECK(eval::draw_episodes(*file, request).episodes == list.episodes);
  request.seed = 1;
  CHECK(eval::draw_episodes(*file, request).episodes != list.episodes);
  request.fold = 4;
  CHECK(refused(scratch, request) == "--fold: got 4, expected 0 to 3 of COCO-20i");
  put_coco(scratch, 4, 3, everywhere);
  request.fold = 0;
  CHECK_THAT(refused(scratch, request), ContainsSubstring("has 3 categories, expected COCO's 80"));
}

TEST_CASE("draw_episodes: LVIS-92i takes every tenth of the classes with two images, in turn",
          "[eval][episodes]") {
  const Scratch scratch;
  json lvis = squares(4, 45, [](int i, int c) { return c % 9 != 4 || i == 1; });  // 40 of them
  for (json& c : lvis["categories"]) c["frequency"] = "c";
  put_text(scratch / "coco.json", lvis.dump());
  const auto file = eval::AnnotationFile::open(scratch / "coco.json");
  REQUIRE(file->is_lvis());
  eval::DatasetRequest request;
  request.fold = 3;
  const auto list = eval::draw_episodes(*file, request);
  CHECK(list.episodes.size() == 2300);
  // of 0 1 2 3 5 6 ... those at the places 3, 13, 23 and 33
  const std::vector<std::string> expected = {"c3", "c15", "c26", "c37"};
  for (std::size_t i = 0; i < 12; ++i) CHECK(list.episodes[i].class_name == expected[i % 4]);
}

TEST_CASE("open_dataset: an episode list is written, and taken where it is there",
          "[eval][episodes]") {
  const Scratch scratch;
  put_coco(scratch, 8, 4, everywhere);
  eval::DatasetRequest request;
  request.episodes = 10;
  request.seed = 6;
  request.episode_list = scratch / "list" / "episodes.json";
  fs::create_directory(scratch / "list");
  const auto dataset = eval::open_dataset(scratch / "coco.json", request);
  CHECK(dataset.query_count() == 10);
  const std::string text = read_text_of(request.episode_list);
  CHECK(std::count(text.begin(), text.end(), '\n') == 4 + 10 + 2);  // an episode a line
  const auto list = eval::read_episodes(request.episode_list);
  CHECK(list.seed == 6);
  REQUIRE(list.episodes.size() == 10);

  // as somebody might have edited it
  put_text(request.episode_list, R"({"format": "coco", "seed": 6, "episodes": [
    {"class": "c2", "support": {"image": "7.png", "marked": [7021]}, "query": "1.png"}]})");
  request.episodes.reset();
  const auto edited = eval::open_dataset(scratch / "coco.json", request);
  REQUIRE(edited.query_count() == 1);
  const auto& c = edited.classes.at(0);
  CHECK(c.name == "c2");
  CHECK(c.supports[c.queries[0].support].image.filename() == "7.png");
  CHECK(c.queries[0].image.filename() == "1.png");

  request.seed = 7;
  CHECK_THAT(refused(scratch, request), ContainsSubstring("--seed: got 7, expected 6 as the"));
  request.seed.reset();
  request.fold = 1;
  CHECK_THAT(refused(scratch, request), ContainsSubstring("--fold: got 1, expected none as the"));
  request.fold.reset();
  put_text(request.episode_list, R"({"format": "coco", "seed": 6, "episodes": [
    {"class": "c9", "support": {"image": "7.png", "marked": [7021]}, "query": "1.png"}]})");
  CHECK_THAT(refused(scratch, request), ContainsSubstring("has no category \"c9\""));
  put_text(request.episode_list, R"({"format": "coco", "seed": 6, "episodes": [{"class": 3}]})");
  CHECK_THAT(message_of<Unreadable>([&] { eval::open_dataset(scratch / "coco.json", request); }),
             ContainsSubstring("episodes.json: episode 1: no list of episodes"));
}

TEST_CASE("open_dataset: images that are nowhere are FileNotFound, broken annotations are told",
          "[eval][formats][errors]") {
  const Scratch scratch;
  json coco = squares(3, 1, everywhere);
  coco["annotations"][0]["segmentation"] = {{1, 2, 3}};
  put_text(scratch / "annotations/instances_val2017.json", coco.dump());
  CHECK_THAT(message_of<FileNotFound>([&] { eval::open_dataset(scratch.path(), {}); }),
             ContainsSubstring("1.png is not beside it; name the folder with --images"));
  fs::create_directory(scratch / "val2017");
  put_images(scratch / "val2017", 3);
  const auto dataset = eval::open_dataset(scratch.path(), {});
  REQUIRE(dataset.broken.size() == 1);
  CHECK_THAT(dataset.broken[0], ContainsSubstring("instances_val2017.json: annotation 1001: "));
  eval::DatasetRequest strict;
  strict.broken = eval::Broken::fail;
  CHECK_THROWS_AS(eval::open_dataset(scratch.path(), strict), Unreadable);
}

TEST_CASE("open_dataset: FSC-147 has boxes and a count for each image of a split",
          "[eval][formats]") {
  const Scratch scratch;
  const auto box = [](int x) { return json{{x, 5}, {x, 15}, {x + 10, 15}, {x + 10, 5}}; };
  const json good = {{"box_examples_coordinates", {box(1), box(20)}},
                     {"points", {{3, 4}, {5, 6}, {7, 8}}}};
  json bad = good;
  bad.erase("points");
  put_text(scratch / "annotation_FSC147_384.json",
           json{{"2.jpg", good}, {"3.jpg", bad}, {"4.jpg", good}}.dump());
  put_text(scratch / "Train_Test_Val_FSC_147.json",
           json{{"test", {"2.jpg", "3.jpg", "9.jpg"}}, {"val", {"4.jpg"}}}.dump());
  const auto dataset = eval::open_dataset(scratch.path(), {});
  CHECK(dataset.format == "fsc147");
  REQUIRE(dataset.classes.size() == 1);
  REQUIRE(dataset.query_count() == 1);
  const auto& query = dataset.classes[0].queries[0];
  CHECK(query.count == 3);
  CHECK(query.image == scratch / "images_384_VarV2/2.jpg");
  const auto& support = dataset.classes[0].supports[query.support];
  CHECK(support.image == query.image);
  CHECK(support.boxes == std::vector<Box>{{1, 5, 11, 15}, {20, 5, 30, 15}});
  REQUIRE(dataset.broken.size() == 2);
  CHECK_THAT(dataset.broken[0], ContainsSubstring("FSC147_384.json: 3.jpg: expected box_examples"));
  CHECK_THAT(dataset.broken[1], ContainsSubstring("9.jpg: has no annotation"));
  eval::DatasetRequest request;
  request.split = "dev";
  CHECK_THAT(message_of<InvalidArgument>([&] { eval::open_dataset(scratch.path(), request); }),
             ContainsSubstring("--split: ") && ContainsSubstring("expected train, val or test"));
}

TEST_CASE("open_dataset: any folder with label images is one class", "[eval][formats]") {
  const bool beside = GENERATE(false, true);
  const Scratch scratch;
  for (const std::string folder : {"cells", "cells/images", "cells/labels"})
    fs::create_directories(scratch / folder);
  for (int i = 0; i < 4; ++i) {
    cv::Mat labels = cv::Mat::zeros(30, 40, CV_16U);
    if (i > 0) labels(cv::Rect(3, 3, 10, 10)) = 500 + i;
    const std::string image = beside ? "cells/{}.png" : "cells/images/{}.jpg";
    const std::string truth = beside ? "cells/{}_labels.png" : "cells/labels/{}.png";
    cv::imwrite((scratch / fmt::format(fmt::runtime(image), i)).string(),
                cv::Mat::zeros(30, 40, CV_8UC3));
    cv::imwrite((scratch / fmt::format(fmt::runtime(truth), i)).string(), labels);
  }
  if (beside) {
    fs::remove(scratch / "cells/images");
    fs::remove(scratch / "cells/labels");
  }
  eval::DatasetRequest request;
  std::set<std::string> supports;
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    request.seed = seed;
    const auto dataset = eval::open_dataset(scratch / "cells", request);
    CHECK(dataset.format == "labels");
    REQUIRE(dataset.classes.size() == 1);
    CHECK(dataset.classes[0].name == "cells");
    CHECK(dataset.classes[0].queries.size() == 3);
    const auto& support = dataset.classes[0].supports[0];
    REQUIRE(support.labelled);
    CHECK(support.labelled->label == 500 + std::stoi(support.image.stem().string()));
    supports.insert(support.image.filename().string());
  }
  // 0 has no object
  CHECK(supports == (beside ? std::set<std::string>{"1.png", "2.png", "3.png"}
                            : std::set<std::string>{"1.jpg", "2.jpg", "3.jpg"}));
  request.episodes = 2;
  CHECK(eval::open_dataset(scratch / "cells", request).query_count() == 2);
  request.fold = 1;
  CHECK(message_of<InvalidArgument>([&] { eval::open_dataset(scratch / "cells", request); }) ==
        "--fold: has no meaning for the format labels, expected coco or lvis");
}

TEST_CASE("format_of: every format by its name", "[eval][formats]") {
  CHECK(eval::format_of("auto") == eval::Format::automatic);
  CHECK(eval::format_of("fsc147") == eval::Format::fsc147);
  CHECK(message_of<InvalidArgument>([] { eval::format_of("voc"); }) ==
        "--format: got \"voc\", expected auto, persense_d, coco, lvis, fsc147 or labels");
}
