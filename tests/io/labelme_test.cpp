#include "persense/io/labelme.hpp"

#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>

#include "catch.hpp"
#include "persense/error.hpp"
#include "persense/io/images.hpp"
#include "scratch.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace persense;
using namespace persense::test;
using nlohmann::json;

namespace {

std::string base64(const Bytes& bytes) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned three = 0;
    for (std::size_t k = 0; k < 3; ++k)
      three = three << 8 | (i + k < bytes.size() ? unsigned{bytes[i + k]} : 0u);
    for (int k = 3; k >= 0; --k) text += digits[three >> (6 * k) & 63];
    if (i + 1 >= bytes.size()) text[text.size() - 2] = '=';
    if (i + 2 >= bytes.size()) text.back() = '=';
  }
  return text;
}

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
  CHECK_THAT(folder.refusal({{"images", json::array()}}), ContainsSubstring("imageWidth"));
  CHECK_THAT(folder.refusal(json::array()), ContainsSubstring("not a labelme file"));
  const auto one = [&](const json& s) { return folder.refusal(document({s})); };
  CHECK_THAT(one(shape("a", "linestrip", {{1, 1}, {2, 2}})),
             ContainsSubstring("shape 1 is a \"linestrip\", expected a polygon, rectangle"));
  CHECK_THAT(one(shape("a", "polygon", {{1, 1}, {2, 2}})),
             ContainsSubstring("shape 1 has 2 points, expected 3 or more"));
  CHECK_THAT(one(shape("a", "point", {{1, "x"}})), ContainsSubstring("not a pair of numbers"));
  CHECK_THAT(one(shape("not ", "point", {{1, 1}})), ContainsSubstring("shape 1 has no name"));
  CHECK_THAT(one({{"shape_type", "point"}}), ContainsSubstring("shape 1: "));
  json mask = shape("a", "mask", {{1, 1}, {2, 2}});
  CHECK_THAT(one(mask), ContainsSubstring("shape 1: "));
  for (const std::string damaged : {"%%%", "", "aGVsbG8="}) {
    mask["mask"] = damaged;
    CHECK_THAT(one(mask), ContainsSubstring("shape 1 has a mask that is no PNG in base64"));
  }
  mask["mask"] = base64(bytes_of(PERSENSE_SOURCE_DIR "/examples/data/beans/00.jpg"));
  CHECK_THAT(one(mask), ContainsSubstring("shape 1 has a mask that is no PNG in base64"));
  mask["mask"] = base64(io::encode_png(cv::Mat(4, 4, CV_8UC1, cv::Scalar(1))));
  for (const double x : {200.0, 2147483520.0, 1e300}) {
    mask["points"] = {{x, 1}, {203, 4}};
    CHECK_THAT(one(mask), ContainsSubstring("outside of the image"));
  }
  for (const auto& text : {folder.refusal(document({mask})), one(shape("a\nb", "line", {{1, 1}}))})
    CHECK(text.find('\n') == std::string::npos);
}
