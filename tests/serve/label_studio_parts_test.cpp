#include <cstdint>
#include <string>
#include <vector>

#include "catch.hpp"
#include "label/http.hpp"
#include "label_studio_requests.hpp"
#include "serve/label_config.hpp"
#include "serve/label_studio_host.hpp"
#include "serve/label_studio_rle.hpp"

using namespace persense;
using namespace persense::testing;
using test::message_of;

TEST_CASE("Label Studio: its server is an address of http, without a name in it", "[serve]") {
  if (!label::http_is_built_in()) return;
  const auto refused = [](const char* url) {
    return message_of<InvalidArgument>([&] { serve::LabelStudioHost(url, "", 1); });
  };
  CHECK(refused("localhost:8080") ==
        "--label-studio-url: got \"localhost:8080\", expected http(s)://HOST[:PORT]");
  CHECK(refused("http://me:secret@localhost") ==
        "--label-studio-url: got \"an address with a user name or password\", expected "
        "http(s)://HOST[:PORT]");
  CHECK_FALSE(serve::LabelStudioHost("", "", 1).owns("http://localhost/"));
}

TEST_CASE("Label Studio: regions go to the tag that has their label, outlines before boxes",
          "[serve]") {
  const auto chosen = [](const std::string& tags, const std::string& label = "disc") {
    return serve::parse_label_config(config(tags)).region_for("img", label).first->type;
  };
  const std::string polygons = labels("PolygonLabels"), boxes = labels("RectangleLabels");
  CHECK(chosen(boxes + polygons) == "polygonlabels");
  CHECK(chosen(labels("BrushLabels") + polygons) == "brushlabels");  // the first
  CHECK(chosen(labels("BrushLabels", "smart=\"true\"") + polygons) == "polygonlabels");
  CHECK(chosen(labels("PolygonLabels", "smart=\"true\"") + boxes) == "polygonlabels");
  CHECK(chosen("<PolygonLabels name=\"p\" toName=\"img\"><Label value=\"x\"/></PolygonLabels>" +
               boxes) == "rectanglelabels");
  CHECK(chosen("<View><polygonlabels name=\"p\" toName=\"img\" value=\"$l\"/></View>", "any") ==
        "polygonlabels");
  CHECK(chosen("<BrushLabels name=\"b\" toName=\"img\"><View><Label value=\"y\" alias=\"disc\"/>"
               "</View></BrushLabels>") == "brushlabels");
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "<a>";
  CHECK(message_of<InvalidArgument>([&] {
          serve::parse_label_config(deep);
        }).starts_with("label_config: "));
}

TEST_CASE("Label Studio: run lengths of a brush are read as they were written", "[serve]") {
  for (const Size size : {Size{1, 1}, Size{7, 5}, Size{640, 480}}) {
    Mask mask{{0, 0, size.width, size.height}, {}};
    unsigned random = 1;
    for (std::int64_t i = 0; i < size.pixels(); ++i) {
      random = random * 1664525 + 1013904223;
      mask.bits.push_back(random >> 28 == 3 || (i / 1000) % 7 == 2 ? 1 : 0);
    }
    const auto runs = serve::runs_of_label_studio_rle(serve::to_label_studio_rle(mask, size), size);
    std::vector<std::uint8_t> read;
    for (std::size_t i = 0; i < runs.size(); ++i)
      read.insert(read.end(), static_cast<std::size_t>(runs[i]), i % 2);
    CHECK(read == mask.bits);
  }
  const auto none = serve::to_label_studio_rle({}, {640, 480});
  CHECK(serve::runs_of_label_studio_rle(none, {640, 480}) == std::vector<std::int64_t>{307200});
}
