#include "persense/io/coco.hpp"

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>

#include "catch.hpp"
#include "persense/error.hpp"
#include "python_with_pycocotools.hpp"
#include "scratch.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace persense;
using namespace persense::test;
using Counts = std::vector<std::uint32_t>;

namespace {

nlohmann::json json_of(const fs::path& path) {
  const Bytes bytes = bytes_of(path);
  return nlohmann::json::parse(bytes.begin(), bytes.end());
}

/// Column-major runs, written down from their definition over the whole image.
Counts runs_by_definition(const cv::Mat& mask) {
  Counts counts{0};
  bool inside = false;
  for (int x = 0; x < mask.cols; ++x)
    for (int y = 0; y < mask.rows; ++y) {
      if ((mask.at<std::uint8_t>(y, x) != 0) != inside) {
        counts.push_back(0);
        inside = !inside;
      }
      ++counts.back();
    }
  return counts;
}

}  // namespace

TEST_CASE("rle_counts: columns come first, and the first run is of zeros", "[io][coco]") {
  // . # .
  // # # .
  const Mask mask{{0, 0, 2, 2}, {0, 1, 1, 1}};
  CHECK(io::rle_counts(mask, {3, 2}) == Counts{1, 3, 2});
  CHECK(io::rle_counts(Mask{{0, 0, 1, 1}, {1}}, {3, 2}) == Counts{0, 1, 5});
  CHECK(io::rle_counts(Mask{}, {3, 2}) == Counts{6});
  CHECK(io::rle_counts(Mask{{2, 1, 3, 2}, {1}}, {3, 2}) == Counts{5, 1});
}

TEST_CASE("rle_counts: parts outside the image are cut off", "[io][coco]") {
  const Mask mask{{-1, -1, 2, 2}, {1, 1, 1, 1, 1, 1, 1, 1, 1}};
  CHECK(io::rle_counts(mask, {3, 3}) == Counts{0, 2, 1, 2, 4});
}

TEST_CASE("rle_counts: equals the definition on random masks, and pycocotools' decoder inverts it",
          "[io][coco]") {
  std::mt19937 random(11);
  for (int i = 0; i < 200; ++i) {
    const int width = 1 + static_cast<int>(random() % 24);
    const int height = 1 + static_cast<int>(random() % 24);
    cv::Mat mask(height, width, CV_8UC1);
    const unsigned density = 1 + random() % 9;
    for (auto it = mask.begin<std::uint8_t>(); it != mask.end<std::uint8_t>(); ++it)
      *it = random() % 10 < density ? 255 : 0;
    const Mask cropped = crop_to_box(MaskView(mask));
    const Counts counts = io::rle_counts(cropped, {width, height});
    REQUIRE(counts == runs_by_definition(mask));
    const std::string text = io::rle_to_string(counts);
    REQUIRE(io::rle_from_string(text) == counts);
    const Mask back = io::mask_from_rle(counts, {width, height});
    REQUIRE(back.box == cropped.box);
    REQUIRE(back.bits == cropped.bits);
  }
}

TEST_CASE("rle_to_string: matches strings that pycocotools made", "[io][coco]") {
  // pycocotools.mask.encode of these runs' masks
  CHECK(io::rle_to_string({1, 3, 2}) == "132");
  CHECK(io::rle_to_string({6}) == "6");
  CHECK(io::rle_to_string({100000, 1, 40, 5000, 1}) == "PeQ31X1Wl4iN");
}

TEST_CASE("CocoWriter: images, annotations and ids of two images", "[io][coco]") {
  const Scratch scratch;
  const Result result = three_discs();
  io::CocoWriter writer(scratch / "all.json", "bean");
  Result noted = result;
  noted.notes = {"one, \"quoted\"", "two"};
  writer.add("a.png", noted);
  writer.add("b.png", Result{{7, 5}, {}, {}, {}, {}});
  writer.add("c \"quoted\" \xff.png", result);
  CHECK(writer.contains("a.png"));
  CHECK_FALSE(writer.contains("d.png"));
  CHECK_FALSE(fs::exists(scratch / "all.json"));
  writer.close();
  const auto coco = json_of(scratch / "all.json");
  CHECK(coco["info"]["version"].get<std::string>().find('.') != std::string::npos);
  CHECK(coco["categories"][0]["name"] == "bean");
  REQUIRE(coco["images"].size() == 3);
  CHECK(coco["images"][0]["notes"] == nlohmann::json(noted.notes));
  CHECK(coco["images"][1] ==
        nlohmann::json{{"id", 2}, {"file_name", "b.png"}, {"width", 7}, {"height", 5}});
  REQUIRE(coco["annotations"].size() == 6);
  const auto& second = coco["annotations"][4];
  CHECK(second["id"] == 5);
  CHECK(second["image_id"] == 3);
  CHECK(second["category_id"] == 1);
  CHECK(second["touches_border"] == false);
  CHECK(coco["annotations"][5]["touches_border"] == true);
  CHECK(second["score"] == 0.9);
  CHECK(second["area"] == result.instances[1].mask.area());
  const PixelBox box = result.instances[1].mask.box;
  CHECK(second["bbox"] == nlohmann::json({box.x0, box.y0, box.width(), box.height()}));
  CHECK(second["segmentation"]["size"] == nlohmann::json({60, 90}));
  const Mask back = io::mask_from_rle(
      io::rle_from_string(second["segmentation"]["counts"].get<std::string>()), {90, 60});
  CHECK(back.bits == result.instances[1].mask.bits);
}

TEST_CASE("CocoWriter: several classes are several categories, and info says what made them",
          "[io][coco]") {
  const Scratch scratch;
  io::CocoHeader header{{"bean", "pea"}, "encoder mini, decoder classic", Options::reference()};
  io::CocoWriter writer(scratch / "all.json", header);
  writer.add("a.png", two_classes());
  writer.close();
  const auto coco = json_of(scratch / "all.json");
  CHECK(coco["info"]["stages"] == "encoder mini, decoder classic");
  CHECK(coco["info"]["options"]["location_prior"] == "box_center");
  REQUIRE(coco["categories"].size() == 2);
  CHECK(coco["categories"][1] == nlohmann::json{{"id", 2}, {"name", "pea"}, {"supercategory", ""}});
  std::vector<int> ids;
  for (const auto& a : coco["annotations"]) ids.push_back(a["category_id"]);
  CHECK(ids == std::vector<int>{1, 2, 1});
}

TEST_CASE("to_coco: is what CocoWriter writes, and takes the ids of a data set", "[io][coco]") {
  const Scratch scratch;
  const io::CocoHeader header{{"bean", "pea"}, "encoder mini", Options::paper()};
  io::CocoWriter writer(scratch / "a.json", header);
  writer.add("a.png", two_classes());
  writer.close();
  const auto written = nlohmann::json::parse(io::to_coco("a.png", two_classes(), header));
  CHECK(written == json_of(scratch / "a.json"));
  const auto coco =
      nlohmann::json::parse(io::to_coco("a.png", two_classes(), header, {7, 100, {30, 20}}));
  CHECK(coco["images"][0]["id"] == 7);
  CHECK(coco["categories"][1] ==
        nlohmann::json{{"id", 20}, {"name", "pea"}, {"supercategory", ""}});
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(coco["annotations"][i]["id"] == 100 + i);
    CHECK(coco["annotations"][i]["image_id"] == 7);
    CHECK(coco["annotations"][i]["category_id"] == (i == 1 ? 20 : 30));
  }
  CHECK(message_of<InvalidArgument>([&] {
          io::to_coco("a.png", two_classes(), header, {1, 1, {5}});
        }) == "COCO file: 1 ids of categories, expected 2");
}

TEST_CASE("CocoWriter: polygons follow every pixel, or keep to a tolerance", "[io][coco]") {
  io::CocoHeader header;
  header.masks = io::CocoMasks::polygons;
  std::size_t numbers[2] = {};
  for (const double tolerance : {0.0, 0.75}) {
    header.tolerance = tolerance;
    const auto coco = nlohmann::json::parse(io::to_coco("a.png", three_discs(), header));
    const auto& polygons = coco["annotations"][0]["segmentation"];
    REQUIRE(polygons.size() == 1);
    numbers[tolerance > 0] = polygons[0].size();
    CHECK(coco["annotations"][0]["area"] == three_discs().instances[0].mask.area());
  }
  CHECK(numbers[1] >= 6);
  CHECK(2 * numbers[1] < numbers[0]);
}

TEST_CASE("CocoWriter: an instance of a class without a category is refused",
          "[io][coco][errors]") {
  const Scratch scratch;
  io::CocoWriter writer(scratch / "all.json", "bean");
  CHECK(message_of<InvalidArgument>([&] { writer.add("a.png", two_classes()); }) ==
        "COCO file: an instance of class 2, expected one of 1 category");
}

TEST_CASE("CocoWriter: appended categories are the same where their names are", "[io][coco]") {
  const Scratch scratch;
  io::write_coco(scratch / "a.json", "a.png", two_classes());
  io::CocoWriter writer(scratch / "all.json",
                        io::CocoHeader{{"pea, green"}, {}, {}, io::CocoMasks::rle});
  writer.append(scratch / "a.json");
  writer.close();
  const auto coco = json_of(scratch / "all.json");
  CHECK(coco["categories"][0]["name"] == "pea, green");
  CHECK(coco["categories"][1]["name"] == "bean");
  std::vector<int> ids;
  for (const auto& a : coco["annotations"]) ids.push_back(a["category_id"]);
  CHECK(ids == std::vector<int>{2, 1, 2});
}

TEST_CASE("CocoWriter: without close nothing is left behind", "[io][coco]") {
  const Scratch scratch;
  {
    io::CocoWriter writer(scratch / "all.json");
    writer.add("a.png", three_discs());
  }
  CHECK(scratch.file_count() == 0);
}

TEST_CASE("CocoWriter: a run goes on from the file it replaces", "[io][coco]") {
  const Scratch scratch;
  io::write_coco(scratch / "all.json", "a.png", three_discs());
  io::CocoWriter writer(scratch / "all.json");
  writer.append(scratch / "all.json");
  CHECK(writer.contains("a.png"));
  writer.add("b.png", three_discs());
  writer.close();
  io::CocoWriter once(scratch / "once.json");
  once.add("a.png", three_discs());
  once.add("b.png", three_discs());
  once.close();
  CHECK(json_of(scratch / "all.json") == json_of(scratch / "once.json"));
}

TEST_CASE("CocoWriter: appending what is not COCO is Unreadable, and nothing is taken over",
          "[io][coco][errors]") {
  const Scratch scratch;
  const auto put = [&](const std::string& text) {
    put_bytes(scratch / "in.json", Bytes(text.begin(), text.end()));
  };
  io::CocoWriter writer(scratch / "all.json");
  for (const std::string text :
       {"{\"images\":[", "[1,2]", "{\"images\":3,\"annotations\":[]}",
        "{\"images\":[{\"id\":1}],\"annotations\":[]}",
        "{\"images\":[{\"id\":1,\"file_name\":\"a\"}],\"annotations\":[{\"image_id\":2}]}",
        "{\"images\":[{\"id\":1,\"file_name\":\"a\"}],\"annotations\":[7]}",
        "{\"images\":[{\"id\":1e300,\"file_name\":\"a\"}],\"annotations\":[]}",
        "{\"images\":[{\"id\":1,\"file_name\":\"a\"},{\"id\":1,\"file_name\":\"b\"}],"
        "\"annotations\":[]}"}) {
    INFO(text);
    put(text);
    const std::string message = message_of<Unreadable>([&] { writer.append(scratch / "in.json"); });
    CHECK_THAT(message, ContainsSubstring("in.json: "));
    CHECK(message.find('\n') == std::string::npos);
  }
  writer.close();
  CHECK(json_of(scratch / "all.json")["images"].empty());
}

TEST_CASE("CocoWriter: brackets without end are Unreadable, not the end of the stack",
          "[io][coco][errors]") {
  const Scratch scratch;
  const std::string nested = std::string(200000, '[') + std::string(200000, ']');
  const std::string text =
      R"({"images":[{"id":1,"file_name":"a","more":)" + nested + R"(}],"annotations":[]})";
  put_bytes(scratch / "in.json", Bytes(text.begin(), text.end()));
  io::CocoWriter writer(scratch / "all.json");
  CHECK_THROWS_AS(writer.append(scratch / "in.json"), Unreadable);
}

TEST_CASE("write_coco: pycocotools loads the file and decodes the same masks", "[io][coco]") {
  const std::string python = python_with_pycocotools();
  if (python.empty()) SKIP("no Python with pycocotools (set PERSENSE_PYTHON)");
  const Scratch scratch;
  const Result result = three_discs();
  io::write_coco(scratch / "coco.json", "a.png", result, "disc");
  std::ofstream(scratch / "dump.py")
      << "import sys, pycocotools.coco as c, pycocotools.mask as m, numpy as np\n"
         "coco = c.COCO(sys.argv[1])\n"
         "with open(sys.argv[2], 'wb') as f:\n"
         "    for a in coco.loadAnns(coco.getAnnIds(imgIds=[1])):\n"
         "        mask = coco.annToMask(a)\n"
         "        assert mask.sum() == a['area'] == m.area(a['segmentation'])\n"
         "        assert list(m.toBbox(a['segmentation'])) == a['bbox']\n"
         "        assert m.encode(np.asfortranarray(mask))['counts'].decode() == "
         "a['segmentation']['counts']\n"
         "        f.write(mask.tobytes())\n";
  const std::string command = "'" + python + "' '" + (scratch / "dump.py").string() + "' '" +
                              (scratch / "coco.json").string() + "' '" +
                              (scratch / "masks").string() + "' >/dev/null";
  REQUIRE(std::system(command.c_str()) == 0);
  Bytes masks = bytes_of(scratch / "masks");
  REQUIRE(masks.size() == 3u * 90 * 60);
  for (int i = 0; i < 3; ++i) {
    const cv::Mat mask(60, 90, CV_8UC1, masks.data() + i * 90 * 60);
    const auto& expected = result.instances[static_cast<std::size_t>(i)].mask;
    const Mask decoded = crop_to_box(MaskView(mask));
    CHECK(decoded.box == expected.box);
    CHECK(decoded.bits == expected.bits);
  }
}
