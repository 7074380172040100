#include "persense/eval/annotations.hpp"

#include <fmt/format.h>

#include "../io/scratch.hpp"
#include "annotation_files.hpp"
#include "catch.hpp"
#include "persense/error.hpp"
#include "persense/io/coco.hpp"
#include "python_with_pycocotools.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace persense;
using namespace persense::test;
using nlohmann::json;

namespace {

/// One image of 4 x 3 with these annotations, each with what it does not say itself.
std::shared_ptr<const eval::AnnotationFile> open_with(const Scratch& scratch,
                                                      const std::vector<json>& annotations,
                                                      eval::Broken broken = eval::Broken::skip) {
  json coco = {{"annotations", json::array()},
               {"categories", {{{"id", 3}, {"name", "bean"}}}},
               {"images", {{{"id", 9}, {"file_name", "a.png"}, {"width", 4}, {"height", 3}}}}};
  for (const json& a : annotations) {
    json whole = {{"id", 1}, {"image_id", 9}, {"category_id", 3}};
    whole.update(a);
    coco["annotations"].push_back(whole);
  }
  put_text(scratch / "coco.json", coco.dump());
  return eval::AnnotationFile::open(scratch / "coco.json", broken);
}

json runs(json counts) { return {{"size", {3, 4}}, {"counts", std::move(counts)}}; }

}  // namespace

TEST_CASE("AnnotationFile: polygons, run lengths and their text give masks, whatever the order",
          "[eval][annotations]") {
  const Scratch scratch;
  // annotations stand before what they refer to
  const auto file = open_with(
      scratch, {{{"id", 30}, {"segmentation", {{1, 0, 3, 0, 3, 2, 1, 2}}}},
                {{"id", 20}, {"iscrowd", 1}, {"segmentation", runs({3, 2, 1, 2, 4})}},
                {{"id", 10.0}, {"segmentation", runs(io::rle_to_string({3, 2, 1, 2, 4}))}}});
  CHECK(file->broken().empty());
  CHECK_FALSE(file->is_lvis());
  REQUIRE(file->annotations().size() == 3);
  CHECK(file->annotations()[0].id == 10);
  CHECK(file->annotations()[1].crowd);
  CHECK(file->images()[0].size == Size{4, 3});
  CHECK(file->categories()[0].name == "bean");
  for (const auto& annotation : file->annotations()) {
    const Mask mask = file->mask(annotation);
    CHECK(mask.box == PixelBox{1, 0, 3, 2});
    CHECK(mask.area() == 4);
  }
}

TEST_CASE("AnnotationFile: LVIS files name their images by address", "[eval][annotations]") {
  const Scratch scratch;
  put_text(scratch / "lvis.json", R"({"info": {"id": 1, "a": {"id": 2}}, "images": [
    {"id": 5, "height": 3, "width": 4, "coco_url": "http://images.cocodataset.org/val2017/05.jpg"}],
    "categories": [{"id": 2, "name": "bean", "frequency": "r", "synset": "bean.n.01"}],
    "annotations": []})");
  const auto file = eval::AnnotationFile::open(scratch / "lvis.json");
  CHECK(file->is_lvis());
  CHECK(file->images()[0].file_name == "val2017/05.jpg");
}

TEST_CASE("AnnotationFile: a broken annotation is named, and left out or fatal",
          "[eval][annotations][errors]") {
  const std::vector<std::pair<json, std::string>> cases = {
      {{{"segmentation", {{1, 0, 3, 0}}}}, "a polygon of 4 values, expected x and y of at least 3"},
      {{{"segmentation", {{1, 0, 3, 0, 3, 1, 2}}}}, "a polygon of 7 values"},
      {{{"segmentation", {{1, 0, 3, 0, 3, 1e9}}}}, "a polygon has the value 1e+09"},
      {{{"segmentation", {1, 0, 3, 0, 3, 2}}}, "a list of numbers, expected polygons"},
      {{{"segmentation", json::array()}}, "segmentation has no polygon"},
      {{{"segmentation", nullptr}}, "has no segmentation, expected polygons or run lengths"},
      {{{"segmentation", runs({3, 2})}}, "run lengths of 5 pixels, expected 4 x 3"},
      {{{"segmentation", runs({15, -3})}}, "run lengths have the value -3"},
      {{{"segmentation", runs("\x7f")}}, "damaged text"},
      {{{"segmentation", {{"counts", {12}}}}}, "run lengths without size or counts"},
      {{{"segmentation", {{"size", {4, 3}}, {"counts", {12}}}}},
       "run lengths of 3 x 4, expected 4 x 3 as the image has"},
      {{{"segmentation", runs({12})}, {"image_id", 8}}, "its image 8 is not in the file"},
      {{{"segmentation", runs({12})}, {"category_id", 8}}, "its category 8 is not in the file"},
      {{{"segmentation", runs({12})}, {"category_id", "x"}}, "no id, image_id or category_id"},
      {{{"segmentation", runs({12})}, {"id", 2}}, "another one before has this id"},
  };
  const json good = {{"id", 2}, {"segmentation", runs({0, 12})}};
  for (const auto& [annotation, what] : cases) {
    const Scratch scratch;
    const auto id = annotation.value("id", 1);
    const std::string name = fmt::format("coco.json: annotation {}: ", id);
    const auto file = open_with(scratch, {good, annotation});
    INFO(annotation);
    CHECK(file->annotations().size() == 1);
    REQUIRE(file->broken().size() == 1);
    CHECK_THAT(file->broken()[0], ContainsSubstring(name) && ContainsSubstring(what));
    CHECK_THAT(message_of<Unreadable>([&] {
                 open_with(scratch, {good, annotation}, eval::Broken::fail);
               }),
               ContainsSubstring(name) && ContainsSubstring(what));
  }
  const Scratch scratch;
  const json nameless = {{"id", nullptr}, {"segmentation", runs({12})}};
  CHECK_THAT(open_with(scratch, {nameless})->broken()[0],
             ContainsSubstring("coco.json: annotation without id (number 1 of the file): "));
}

TEST_CASE("AnnotationFile: what is no COCO file is Unreadable", "[eval][annotations][errors]") {
  const Scratch scratch;
  const auto message = [&](const std::string& text) {
    put_text(scratch / "x.json", text);
    return message_of<Unreadable>([&] { eval::AnnotationFile::open(scratch / "x.json"); });
  };
  CHECK_THAT(message("[1, 2]"), ContainsSubstring("x.json: not a COCO file, expected an object"));
  CHECK_THAT(message(R"({"images": [], "categories": []})"), ContainsSubstring("not a COCO file"));
  CHECK_THAT(message(R"({"images": [{"id": 1)"), ContainsSubstring("x.json: no JSON at byte 21"));
  CHECK_THAT(message(""), ContainsSubstring("no JSON at byte"));
  CHECK_THROWS_AS(eval::AnnotationFile::open(scratch / "none.json"), FileNotFound);
  CHECK_THROWS_AS(eval::AnnotationFile::open(scratch.path()), Unreadable);
}

TEST_CASE("AnnotationFile: places in files longer than a block are right", "[eval][annotations]") {
  const Scratch scratch;
  json coco = squares(400, 5, [](int, int) { return true; });
  put_text(scratch / "coco.json", coco.dump(2));
  REQUIRE(fs::file_size(scratch / "coco.json") > (std::size_t{1} << 20));
  const auto file = eval::AnnotationFile::open(scratch / "coco.json");
  REQUIRE(file->annotations().size() == 4000);
  for (const auto& annotation : file->annotations()) {
    const auto category = static_cast<int>(annotation.category);
    const int x = annotation.id % 2 == 1 ? 2 : 20, y = 3 * category + 2;
    REQUIRE(file->mask(annotation).box == PixelBox{x, y, x + 10, y + 8});
  }
}

TEST_CASE("mask_from_polygons: pycocotools draws the same pixels", "[io][coco][eval]") {
  const std::string python = python_with_pycocotools();
  if (python.empty()) SKIP("no Python with pycocotools (set PERSENSE_PYTHON)");
  const Scratch scratch;
  put_text(scratch / "polygons.py", R"(
import json, sys
import numpy as np
import pycocotools.mask as m
random = np.random.default_rng(7)
cases = []
for i in range(400):
    w, h = (int(v) for v in random.integers(1, 60, 2))
    polygons = []
    for _ in range(random.integers(1, 4)):
        n = int(random.integers(3, 12))
        p = random.uniform(-10, 70, (n, 2)) if i % 2 else random.integers(0, 60, (n, 2))
        if i % 5 == 0:
            p[n // 2] = p[n // 2 - 1]  # a vertex twice
        polygons.append([float(v) for v in np.round(p.ravel(), 2)])
    rle = m.merge(m.frPyObjects(polygons, h, w))
    cases.append({"w": w, "h": h, "polygons": polygons, "rle": rle["counts"].decode()})
json.dump(cases, open(sys.argv[1], "w"))
)");
  REQUIRE(std::system(fmt::format("'{}' '{}' '{}'", python, (scratch / "polygons.py").string(),
                                  (scratch / "cases.json").string())
                          .c_str()) == 0);
  const json cases = json::parse(std::ifstream(scratch / "cases.json"));
  REQUIRE(cases.size() == 400);
  for (const json& c : cases) {
    const Size size{c["w"], c["h"]};
    const Mask mask =
        io::mask_from_polygons(c["polygons"].get<std::vector<std::vector<double>>>(), size);
    INFO(c);
    const Mask expected = io::mask_from_rle(io::rle_from_string(c["rle"].get<std::string>()), size);
    REQUIRE(mask.box == expected.box);
    REQUIRE(mask.bits == expected.bits);
  }
}

TEST_CASE("mask_from_polygons: too few vertices and values that are none are refused",
          "[io][coco][errors]") {
  CHECK(message_of<InvalidArgument>([] {
          io::mask_from_polygons({{1, 2, 3, 4}}, {9, 9});
        }) == "polygon: got 4 values, expected x and y of at least 3 vertices");
  CHECK_THROWS_AS(io::mask_from_polygons({{1, 2, 3, 4, NAN, 5}}, {9, 9}), InvalidArgument);
  CHECK(io::mask_from_polygons({{20, 20, 30, 20, 30, 30}}, {9, 9}).empty());
}
