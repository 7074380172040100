#include "persense/eval/corrections.hpp"

#include <nlohmann/json.hpp>

#include "../io/scratch.hpp"
#include "annotation_files.hpp"
#include "catch.hpp"
#include "persense/error.hpp"
#include "persense/io/images.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace persense;
using namespace persense::test;
using nlohmann::json;

namespace {

json shape(const json& points, const json& group = nullptr, const std::string& type = "rectangle") {
  return {{"label", "c"}, {"shape_type", type}, {"points", points}, {"group_id", group}};
}

json labelme(const json& shapes) {
  return {{"shapes", shapes},
          {"imagePath", "1.png"},
          {"imageData", nullptr},
          {"imageHeight", 30},
          {"imageWidth", 40}};
}

eval::CorrectedImage read(const Scratch& scratch, const json& content, double max_overlap = 0.2) {
  put_text(scratch / "a.json", content.dump());
  return eval::Corrections::open(scratch / "a.json", {{}, max_overlap}).read(0);
}

}  // namespace

TEST_CASE("Corrections: parts of one group are one object, parts beside the image are cut off",
          "[eval][corrections]") {
  const Scratch scratch;
  const auto image =
      read(scratch, labelme({shape({{30, 10}, {50, 20}}), shape({{2, 2}, {6, 6}}, 1),
                             shape({{10, 2}, {14, 6}}, 1), shape({{60, 2}, {70, 6}}, 1)}));
  REQUIRE(image.objects.size() == 2);
  CHECK(image.objects[0].name == "shape 1");
  CHECK(image.objects[0].mask.area() == 100);
  CHECK(image.objects[1].name == "shape 2");
  CHECK(image.objects[1].mask.area() == 32);
  REQUIRE(image.broken.size() == 1);
  CHECK_THAT(image.broken[0], ContainsSubstring("shape 4 lies outside of the image of 40 x 30"));
}

TEST_CASE("Corrections: of two objects that share too much the later is left out",
          "[eval][corrections]") {
  const Scratch scratch;
  // 10 x 10, and 5 x 4 of which a quarter lies in it
  const json file = labelme({shape({{2, 2}, {12, 12}}), shape({{11, 3}, {15, 8}})});
  CHECK(read(scratch, file, 0.25).objects.size() == 2);
  const auto image = read(scratch, file, 0.24);
  REQUIRE(image.objects.size() == 1);
  CHECK(image.objects[0].name == "shape 1");
  CHECK_THAT(image.broken.at(0), ContainsSubstring("shape 2 (c) shares 25 % of the smaller one's "
                                                   "pixels with shape 1 (c), expected at most 24"));
  CHECK_THAT(message_of<InvalidArgument>([&] { read(scratch, file, 1.5); }),
             ContainsSubstring("overlap: got 1.5, expected a part from 0 to 1"));
}

TEST_CASE("Corrections: the image inside of a labelme file is what was labelled",
          "[eval][corrections]") {
  const Scratch scratch;
  json file = labelme(json::array({shape({{2, 2}, {12, 12}})}));
  const auto missing = read(scratch, file);
  CHECK_THAT(message_of<FileNotFound>([&] { eval::checked_image(missing); }),
             ContainsSubstring("a.json: its image ") && ContainsSubstring("1.png is missing"));
  // a PNG of 1 x 1
  file["imageData"] =
      "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg="
      "=";
  CHECK_THAT(message_of<InvalidArgument>([&] { eval::checked_image(read(scratch, file)); }),
             ContainsSubstring("a.json: is for an image of 40 x 30") &&
                 ContainsSubstring("imageData is 1 x 1"));
  file["imageData"] = "%";
  CHECK_THAT(message_of<Unreadable>([&] { read(scratch, file); }),
             ContainsSubstring("imageData: not base64"));
}

TEST_CASE("Corrections: CVAT's folder, whose COCO file lies in annotations, is read",
          "[eval][corrections]") {
  const Scratch scratch;
  const json coco = squares(2, 1, [](int, int) { return true; });
  put_text(scratch / "annotations/instances_default.json", coco.dump());
  fs::create_directories(scratch / "images");
  put_images(scratch / "images", 2);
  const auto all = eval::Corrections::open(scratch.path(), {});
  REQUIRE(all.size() == 2);
  CHECK(all.name(1) == "2.png");
  const auto image = all.read(1);
  REQUIRE(image.objects.size() == 2);
  CHECK(image.objects[0].name == "annotation 2001");
  CHECK(image.objects[0].label == "c0");
  CHECK(!eval::checked_image(image).empty());
}
