#include "persense/io/labelme.hpp"

#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>

#include "catch.hpp"
#include "io/base64.hpp"
#include "persense/error.hpp"
#include "persense/io/images.hpp"
#include "scratch.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace persense;
using namespace persense::test;
using nlohmann::json;

namespace {

std::string base64(const Bytes& bytes) { return io::detail::to_base64(bytes); }

json shape(const std::string& label, const std::string& type, const json& points) {
  return {{"label", label},
          {"shape_type", type},
          {"points", points},
          {"group_id", nullptr},
          {"flags", json::object()}};
}

json document(const json& shapes) {
  // braces around one shape may be that shape
  const json list = shapes.is_array() ? shapes : json::array({shapes});
  return {{"version", "5.5.0"},   {"flags", json::object()},
          {"shapes", list},       {"imagePath", "..\\pictures\\a.jpg"},
          {"imageData", nullptr}, {"imageHeight", 60},
          {"imageWidth", 90}};
}

class Folder : public Scratch {
 public:
  io::LabelmeFile read(const json& content) const { return read_text(content.dump()); }
  io::LabelmeFile read_text(const std::string& text) const {
    fs::create_directories(*this / "marks");
    put_bytes(*this / "marks/m.json", Bytes(text.begin(), text.end()));
    return io::read_labelme(*this / "marks/m.json");
  }
  std::string refusal(const json& content) const {
    return message_of<Unreadable>([&] { read(content); });
  }
};

}  // namespace

TEST_CASE("read_labelme: every shape that marks an object, its class and its sign",
          "[io][labelme]") {
  const Folder folder;
  json mask = shape("bean", "mask", {{10, 20}, {12, 21}});
  const cv::Mat bits = (cv::Mat_<std::uint8_t>(2, 3) << 0, 1, 1, 1, 1, 0);
  mask["mask"] = base64(io::encode_png(bits));
  const auto file = folder.read(document({shape("bean", "polygon", {{1, 1}, {9, 1}, {9, 9.5}}),
                                          shape("not bean", "rectangle", {{30, 25}, {20, 5}}),
                                          shape(" - pea ", "circle", {{40, 30}, {43, 34}}),
                                          shape("pea", "point", {{12.9, 7.1}}), mask}));
  CHECK(file.image.lexically_normal() == (folder.path() / "pictures/a.jpg").lexically_normal());
  CHECK(file.size == Size{90, 60});
  CHECK(file.classes() == std::vector<std::string>{"bean", "pea"});
  REQUIRE(file.marks.size() == 5);
  std::vector<bool> negative;
  for (const auto& mark : file.marks) negative.push_back(mark.negative);
  CHECK(negative == std::vector<bool>{false, true, true, false, false});
  CHECK(std::get<Polygon>(file.marks[0].shape).vertices[2].y == 9.5f);
  CHECK(std::get<Box>(file.marks[1].shape) == Box{20, 5, 30, 25});
  const Polygon& circle = std::get<Polygon>(file.marks[2].shape);
  for (const Vertex& v : circle.vertices)
    CHECK(std::hypot(v.x - 40, v.y - 30) == Approx(5).margin(1e-4));
  CHECK(std::get<Point>(file.marks[3].shape) == Point{12, 7});
  const cv::Mat read = std::get<cv::Mat>(file.marks[4].shape);
  REQUIRE(read.size() == cv::Size(90, 60));
  CHECK(cv::countNonZero(read) == 4);
  CHECK(cv::norm(read(cv::Rect(10, 20, 3, 2)), bits * 255, cv::NORM_INF) == 0);
  CHECK(std::holds_alternative<MaskView>(file.marks[4].mark()));
}

TEST_CASE("read_labelme: shapes of one name and group are one object", "[io][labelme]") {
  const Folder folder;
  json left = shape("bean", "polygon", {{0, 0}, {4, 0}, {4, 4}, {0, 4}});
  json right = shape("bean", "polygon", {{6, 0}, {9, 0}, {9, 4}, {6, 4}});
  json other = shape("pea", "polygon", {{6, 6}, {9, 6}, {9, 9}});
  left["group_id"] = right["group_id"] = other["group_id"] = 3;
  const auto file = folder.read(document({left, other, right}));
  REQUIRE(file.marks.size() == 2);
  CHECK(cv::countNonZero(std::get<cv::Mat>(file.marks[0].shape)) == 16 + 12);
  CHECK(file.marks[1].label == "pea");
}

TEST_CASE("read_labelme: parts of a mask outside the image are cut off", "[io][labelme]") {
  const Folder folder;
  json mask = shape("bean", "mask", {{88, 59}, {91, 62}});
  mask["mask"] = base64(io::encode_png(cv::Mat(4, 4, CV_8UC1, cv::Scalar(1))));
  const auto file = folder.read(document({mask}));
  CHECK(cv::countNonZero(std::get<cv::Mat>(file.marks[0].shape)) == 2);
}

TEST_CASE("read_labelme: a size that no image has, and brackets without end, are Unreadable",
          "[io][labelme][errors]") {
  const Folder folder;
  json file = document(json::array());
  for (const json& side : {json(0), json(-3), json(4294967360), json(1e300), json("90")}) {
    file["imageWidth"] = side;
    CHECK_THAT(folder.refusal(file),
               ContainsSubstring("imageWidth is not a number from 1 to 1048576"));
  }
  const std::string nested = std::string(200000, '[') + std::string(200000, ']');
  CHECK_THROWS_AS(folder.read_text(R"({"imageWidth":9,"imageHeight":9,"imagePath":"a","shapes":)" +
                                   nested + "}"),
                  Unreadable);
}

TEST_CASE("read_labelme: what cannot be used is refused in one line", "[io][labelme][errors]") {
  const Folder folder;
  CHECK_THAT(message_of<FileNotFound>([&] { io::read_labelme(folder / "none.json"); }),
             ContainsSubstring("none.json"));
  CHECK_THAT(message_of<Unreadable>([&] { folder.read_text("{\"shapes\": ["); }),
             ContainsSubstring("m.json: not JSON"));
  CHECK_THAT(folder.refusal({{"images", json::array()}}),
             ContainsSubstring("not a labelme file (it has no imageWidth)"));
  CHECK_THAT(folder.refusal(json::array()), ContainsSubstring("not a labelme file"));
  const auto one = [&](const json& s) { return folder.refusal(document({s})); };
  CHECK_THAT(
      one(shape("a", "linestrip", {{1, 1}, {2, 2}})),
      ContainsSubstring("shape 1 is a linestrip, expected a polygon, rectangle, circle, point"));
  CHECK_THAT(one(shape("a", "polygon", {{1, 1}, {2, 2}})),
             ContainsSubstring("shape 1 has 2 points, expected 3 or more"));
  CHECK_THAT(one(shape("a", "point", {{1, "x"}})), ContainsSubstring("not a pair of numbers"));
  CHECK_THAT(one(shape("not ", "point", {{1, 1}})), ContainsSubstring("shape 1 has no name"));
  CHECK_THAT(one({{"shape_type", "point"}}), ContainsSubstring("shape 1 has no label"));
  CHECK_THAT(one(7), ContainsSubstring("shape 1 has no label"));
  json mask = shape("a", "mask", {{1, 1}, {2, 2}});
  CHECK_THAT(one(mask), ContainsSubstring("shape 1 has no mask"));
  for (const std::string damaged : {"%%%", "", "aGVsbG8="}) {
    mask["mask"] = damaged;
    CHECK_THAT(one(mask), ContainsSubstring("shape 1 has a mask that is no PNG in base64"));
  }
  mask["mask"] = base64(bytes_of(PERSENSE_SOURCE_DIR "/examples/data/beans/00.jpg"));
  CHECK_THAT(one(mask), ContainsSubstring("shape 1 has a mask that is no PNG in base64"));
  mask["mask"] = base64(io::encode_png(cv::Mat(4, 4, CV_8UC1, cv::Scalar(1))));
  for (const double x : {200.0, 2147483520.0, 1e300}) {
    mask["points"] = {{x, 1}, {203, 4}};
    CHECK_THAT(one(mask), ContainsSubstring("shape 1 covers no pixel of the image of 90 x 60"));
  }
  for (const auto& text : {folder.refusal(document({mask})), one(shape("a\nb", "line", {{1, 1}}))})
    CHECK(text.find('\n') == std::string::npos);
}

TEST_CASE("read_labelme: a box and a point are objects of their own", "[io][labelme][errors]") {
  const Folder folder;
  json box = shape("bean", "rectangle", {{1, 1}, {5, 5}}), part = box;
  box["group_id"] = part["group_id"] = 1;
  CHECK_THAT(folder.refusal(document({box, part})),
             ContainsSubstring("shape 2 shares its name and group_id with another shape"));
}

TEST_CASE("read_labelme_masks: pixels whose centres are inside, cut off at the image's border",
          "[io][labelme]") {
  const Folder folder;
  folder.read(document({shape("a", "rectangle", {{6, 5}, {1, 2}}),
                        shape("not b", "circle", {{4, 3}, {6, 3}}),
                        shape("c", "rectangle", {{-5, 58}, {2, 70}}),
                        shape("d", "polygon", {{100, 10}, {110, 10}, {110, 20}})}));
  const auto file = io::read_labelme_masks(folder / "marks/m.json");
  CHECK(file.image == "..\\pictures\\a.jpg");
  CHECK(file.size == Size{90, 60});
  CHECK(file.labels == std::vector<std::string>{"a", "not b", "c", "d"});
  REQUIRE(file.masks.size() == 4);
  CHECK(file.masks[0].box == PixelBox{1, 2, 6, 5});
  CHECK(file.masks[0].area() == 15);
  CHECK(file.masks[1].box == PixelBox{2, 1, 6, 5});  // a disc of radius 2
  CHECK(file.masks[1].area() == 12);
  CHECK(file.masks[2].box == PixelBox{0, 58, 2, 60});
  CHECK(file.masks[3].empty());
}

TEST_CASE("read_labelme_masks: shapes of one group are one instance, lines and points are none",
          "[io][labelme]") {
  const Folder folder;
  json left = shape("bean", "rectangle", {{0, 0}, {4, 4}});
  json right = shape("bean", "polygon", {{6, 0}, {9, 0}, {9, 4}, {6, 4}});
  left["group_id"] = right["group_id"] = "g";
  folder.read(document({left, shape("bean", "rectangle", {{0, 9}, {4, 12}})}));
  put_bytes(folder / "g.json", [&] {
    const std::string text = document({left, right}).dump();
    return Bytes(text.begin(), text.end());
  }());
  const auto file = io::read_labelme_masks(folder / "g.json");
  REQUIRE(file.masks.size() == 1);
  CHECK(file.masks[0].area() == 16 + 12);
  folder.read(document({shape("a", "point", {{1, 1}})}));
  CHECK_THAT(
      message_of<Unreadable>([&] { io::read_labelme_masks(folder / "marks/m.json"); }),
      ContainsSubstring("shape 1 is a point, expected a polygon, rectangle, circle or mask"));
}

TEST_CASE("load_labelme_image: the image inside of the file serves where its own is missing",
          "[io][labelme]") {
  const Folder folder;
  json content = document(json::array());
  content["imageData"] = base64(io::encode_png(cv::Mat(60, 90, CV_8UC3, cv::Scalar(9, 8, 7))));
  folder.read(content);
  const fs::path file = folder / "marks/m.json";
  CHECK(io::load_labelme_image(file).image.mat().at<cv::Vec3b>(3, 3) == cv::Vec3b(9, 8, 7));
  fs::create_directories(folder / "pictures");
  io::write_png(folder / "pictures/a.jpg", cv::Mat(60, 90, CV_8UC3, cv::Scalar(1, 2, 3)));
  CHECK(io::load_labelme_image(file).image.mat().at<cv::Vec3b>(3, 3) == cv::Vec3b(1, 2, 3));
  fs::remove(folder / "pictures/a.jpg");
  for (const std::string damaged : {"aGVsbG8=", "%%%"}) {
    content["imageData"] = damaged;
    folder.read(content);
    CHECK_THAT(message_of<Unreadable>([&] { io::load_labelme_image(file); }),
               ContainsSubstring("m.json: imageData: "));
  }
  folder.read(document(json::array()));
  CHECK_THAT(message_of<FileNotFound>([&] { io::load_labelme_image(file); }),
             ContainsSubstring("a.jpg"));
}

TEST_CASE("write_labelme: masks come back bit for bit", "[io][labelme]") {
  const Scratch scratch;
  const Result result = two_classes();
  io::LabelmeOptions options;
  options.shapes = io::LabelmeShapes::masks;
  io::write_labelme(scratch / "a.json", "a \"b\" \xff.png", result, options);
  const auto back = io::read_labelme_masks(scratch / "a.json");
  CHECK(back.image == "a \"b\" \uFFFD.png");
  CHECK(back.size == result.image_size);
  CHECK(back.labels == std::vector<std::string>{"bean", "pea, green", "bean"});
  REQUIRE(back.masks.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(back.masks[i].box == result.instances[i].mask.box);
    CHECK(back.masks[i].bits == result.instances[i].mask.bits);
  }
}

TEST_CASE(
    "write_labelme: polygons without tolerance come back bit for bit but for holes, and "
    "parts of one instance share a group",
    "[io][labelme]") {
  const Scratch scratch;
  Result result = three_discs();
  result.instances[1].mask = {{2, 3, 5, 4}, {1, 0, 1}};
  io::LabelmeOptions options;
  options.tolerance = 0;
  options.label = "thing";
  const auto content = json::parse(io::to_labelme("a.png", result, options));
  std::vector<json> groups;
  for (const json& each : content["shapes"]) {
    groups.push_back(each["group_id"]);
    CHECK(each["label"] == "thing");
  }
  CHECK(groups == std::vector<json>{nullptr, 2, 2, nullptr});
  CHECK(content["imageData"].is_null());
  io::write_labelme(scratch / "a.json", "a.png", result, options);
  const auto back = io::read_labelme_masks(scratch / "a.json");
  REQUIRE(back.masks.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK(back.masks[i].bits == result.instances[i].mask.bits);
  options.tolerance = 1;
  const auto simpler = json::parse(io::to_labelme("a.png", result, options));
  CHECK(2 * simpler["shapes"][0]["points"].size() < content["shapes"][0]["points"].size());
}

TEST_CASE("write_labelme: keeps the image inside where it is given", "[io][labelme]") {
  const Scratch scratch;
  cv::Mat pixels(60, 90, CV_8UC3);
  cv::randu(pixels, 0, 255);
  const Image image = Image::from_rgb(pixels);
  io::LabelmeOptions options;
  options.image = image.view();
  io::write_labelme(scratch / "a.json", "", Result{{90, 60}, {}, {}, {}, {}}, options);
  CHECK(json::parse(bytes_of(scratch / "a.json"))["shapes"].empty());
  const auto back = io::load_labelme_image(scratch / "a.json");
  CHECK(cv::norm(back.image.mat(), pixels, cv::NORM_INF) == 0);
}
