#include <atomic>
#include <opencv2/imgproc.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "label_studio_requests.hpp"
#include "persense/example.hpp"
#include "persense/io/images.hpp"
#include "serve/label_studio_rle.hpp"
#include "served.hpp"

using namespace persense;
using namespace persense::testing;

namespace {

/// The area of a polygon region, in pixels.
double area_of(const Json& region) {
  std::vector<cv::Point2f> corners;
  for (const Json& p : region["value"]["points"])
    corners.emplace_back(p[0].get<float>() / 100 * static_cast<float>(width),
                         p[1].get<float>() / 100 * static_cast<float>(height));
  return cv::contourArea(corners);
}

/// What the program's --support makes: a disc, called as given.
serve::OwnSupports disc_support(const Engine& engine, const std::string& label) {
  const cv::Mat pixels = discs();
  const Image image = Image::from_rgb(pixels.clone());
  const Example example{engine.encode(image.view()), Box{20, 20, 60, 60}};
  return {{engine.support(std::vector{example}, label)}, "0123"};
}

}  // namespace

TEST_CASE("Label Studio: a model is set up by a configuration with regions of images", "[serve]") {
  const Served served;
  CHECK(served.client().Get("/health")->status == 200);
  const auto [status, answer] = served.post("/setup", {{"project", "1.2"}, {"schema", all_tags}});
  CHECK(status == 200);
  CHECK(answer["model_version"].get<std::string>().starts_with("persense-"));
  CHECK(answer["model_version"].get<std::string>().ends_with("-classic"));
  CHECK(served.get("/versions")["versions"][0] == answer["model_version"]);
  CHECK(served.post("/webhook", {{"action", "ANNOTATION_CREATED"}}).first == 200);
  const auto [refused, why] =
      served.post("/setup", {{"schema", "<View><Text name=\"t\" value=\"$t\"/></View>"}});
  CHECK(refused == 400);
  CHECK(why["error"] ==
        "label_config: got no tag that outlines an Image, expected PolygonLabels, BrushLabels or "
        "RectangleLabels");
}

TEST_CASE("Label Studio: all objects like the one in a smart rectangle come back as outlines",
          "[serve]") {
  const Served served;
  const auto [status, answer] = served.post("/predict", request({task()}, {rectangle()}));
  REQUIRE(status == 200);
  const Json& prediction = answer["results"][0];
  REQUIRE(prediction["result"].size() == 12);
  CHECK(prediction["score"].get<double>() > 0);
  CHECK(prediction["model_version"] == answer["model_version"]);
  const std::vector<double> areas = served.areas({{"box", {20, 20, 60, 60}}});
  std::set<std::string> ids;
  for (const Json& one : prediction["result"]) {
    ids.insert(one["id"].get<std::string>());
    CHECK(one["type"] == "polygonlabels");
    CHECK(one["from_name"] == "PolygonLabels");
    CHECK(one["to_name"] == "img");
    CHECK(one["value"]["polygonlabels"] == List{"disc"});
    CHECK(one["original_width"] == 320);
    CHECK(one["original_height"] == 240);
    CHECK(area_of(one) == Approx(areas.at(ids.size() - 1)).epsilon(0.06));
  }
  CHECK(ids.size() == 12);
}

TEST_CASE("Label Studio: marks of every kind and label mark the same object", "[serve]") {
  const Served served;
  Mask stroke{{34, 34, 46, 46}, std::vector<std::uint8_t>(12 * 12, 1)};
  const Json rle = serve::to_label_studio_rle(stroke, {320, 240});
  const double x = 40 / width * 100, y = 40 / height * 100;
  // turned by 90 degrees around its top left corner, it lies to the left of that
  const Json turned = {{"x", 60 / width * 100},
                       {"y", 20 / height * 100},
                       {"width", 40 / width * 100},
                       {"height", 40 / height * 100},
                       {"rotation", 90}};
  for (const Json& mark :
       {region("keypointlabels", {{"x", x}, {"y", y}, {"width", 0.3}}, "ring"),
        region("rectanglelabels", turned, "ring"),
        region("ellipselabels", {{"x", x}, {"y", y}, {"radiusX", 5}, {"radiusY", 7}}, "ring"),
        region("polygonlabels",
               {{"points", {{8, 10}, {17, 10}, {17, 23}, {8, 23}}}, {"closed", true}}, "ring"),
        region("brushlabels", {{"format", "rle"}, {"rle", rle}}, "ring")}) {
    INFO(mark["type"]);
    const Json regions = found(served, request({task()}, {mark}));
    CHECK(regions.size() == 12);
    CHECK(regions[0]["value"]["polygonlabels"] == List{"ring"});
  }
}

TEST_CASE("Label Studio: brushes hold every pixel, and where there are but boxes, boxes come",
          "[serve]") {
  const Served served;
  const Json strokes = found(served, request({task()}, {rectangle()}, brushes));
  REQUIRE(strokes.size() == 12);
  std::vector<double> areas;
  for (const Json& one : strokes) {
    REQUIRE(one["type"] == "brushlabels");
    CHECK(one["value"]["format"] == "rle");
    const auto bytes = one["value"]["rle"].get<std::vector<std::uint8_t>>();
    const auto runs = serve::runs_of_label_studio_rle(bytes, {320, 240});
    std::int64_t inside = 0;
    for (std::size_t i = 1; i < runs.size(); i += 2) inside += runs[i];
    areas.push_back(static_cast<double>(inside));
  }
  CHECK(areas == served.areas({{"box", {20, 20, 60, 60}}}));
  const Json boxes =
      found(served, request({task()}, {rectangle()}, config(labels("RectangleLabels"))));
  REQUIRE(boxes.size() == 12);
  CHECK(boxes[0]["value"]["width"].get<double>() == Approx(38 / width * 100).epsilon(0.1));
}

TEST_CASE("Label Studio: what is marked as not positive is not meant", "[serve]") {
  const Served served;
  cv::Mat two = discs();
  for (int column = 0; column < 4; ++column)  // the last row is of another colour
    cv::circle(two, {40 + 80 * column, 200}, 18, cv::Scalar(40, 60, 230), -1);
  io::write_png(served.folder() / "two.png", two);
  const Json where = task("/data/local-files/?d=two.png");
  Json no = region("keypointlabels", {{"x", 40 / width * 100}, {"y", 200 / height * 100}});
  no["is_positive"] = 0;
  CHECK(found(served, request({where}, {rectangle(), no})).size() == 8);
  const auto [status, answer] = served.post("/predict", request({where}, {no}));
  CHECK(status == 400);
}

TEST_CASE("Label Studio: tasks without marks get what the server's own support shows", "[serve]") {
  const auto own = [](const Engine& engine) { return disc_support(engine, "disc"); };
  const Served served({}, own);
  const auto [status, answer] = served.post(
      "/predict",
      batch({task(), task("/data/local-files/?d=none.png"), task("/data/local-files/?d=b.png")}));
  REQUIRE(status == 200);
  REQUIRE(answer["results"].size() == 3);
  CHECK(answer["results"][0]["result"].size() == 12);
  CHECK_FALSE(answer["results"][1].contains("result"));  // no prediction is kept of it
  CHECK(answer["results"][1]["error"].get<std::string>().starts_with(
      "image /data/local-files/?d=none.png: no such file below the served folder"));
  CHECK(answer["results"][2]["result"].size() == 12);
  CHECK(answer["model_version"].get<std::string>().ends_with("-classic-0123"));
}

TEST_CASE("Label Studio: the only label is that of a support of any name", "[serve]") {
  const auto own = [](const Engine& engine) { return disc_support(engine, ""); };
  const Served served({}, own);
  const std::string one =
      config("<PolygonLabels name=\"p\" toName=\"img\"><Label value=\"bean\"/></PolygonLabels>");
  CHECK(found(served, batch({task()}, one))[0]["value"]["polygonlabels"] == List{"bean"});
  CHECK(error(served, batch({task()})) ==
        "label_config: no PolygonLabels, BrushLabels or RectangleLabels of the image have "
        "\"object\", expected one of: disc, ring");
}

TEST_CASE("Label Studio: without a support, a task's own annotation marks what is looked for",
          "[serve]") {
  const Served served;
  Json annotated = task();
  annotated["annotations"] = List{{{"result", List{rectangle()}}}};
  CHECK(found(served, batch({annotated})).size() == 12);
  const auto [status, nothing] = served.post("/predict", batch({task()}));
  CHECK(status == 200);
  CHECK(nothing["results"][0]["result"].empty());
  CHECK(nothing["results"][0]["message"].get<std::string>().starts_with("nothing is marked"));
}

TEST_CASE("Label Studio: what is wrong with a request is one line", "[serve]") {
  const Served served;
  const auto asked = [&](const Json& region) { return error(served, request({task()}, {region})); };
  CHECK(served.client().Post("/predict", "{", "application/json")->status == 400);
  CHECK(error(served, {{"tasks", List{task()}}}) ==
        "label_config: got none, expected a labeling configuration");
  CHECK(error(served, request({task()}, {rectangle()}, "<View><Image"))
            .starts_with("label_config: "));
  CHECK(error(served, request({Json{{"id", 1}}}, {rectangle()})) ==
        "task: has no photo in its data, expected an image");
  CHECK(error(served, request({Json(3)}, {rectangle()})) ==
        "task: has no photo in its data, expected an image");
  CHECK(error(served, request({task("data:image/png;base64,????")}, {rectangle()})) ==
        "image: is no base64");
  CHECK(error(served, request({task("data:image/png;base64,AAAA")}, {rectangle()})) ==
        "the task's image: is no image that can be read");
  CHECK(asked(region("keypointlabels", {{"x", 3}})) == "region 1: has no number y");
  CHECK(asked(region("keypointlabels", {{"x", 3}, {"y", 1e300}})) ==
        "region 1: y is far too large");
  CHECK(asked(region("polygonlabels", {{"points", List{{1, 2, 3}}}})) ==
        "region 1: has a point that is no pair of numbers");
  CHECK(asked(region("brushlabels", {{"rle", {1, 2, 3}}})) == "region 1: rle: ends too early");
  CHECK(asked(region("brushlabels", {{"rle", {0, 0, 1, 0, 0}}})) ==
        "region 1: rle: holds 256 values, expected 307200 for an image of 320 x 240");
  CHECK(asked(region("brushlabels", {{"rle", List{256}}})) ==
        "region 1: rle: has a number that is no byte");
  Json turned = rectangle();
  turned["image_rotation"] = 90;
  CHECK(asked(turned) ==
        "region 1: is of an image turned by 90 degrees, expected one as it is stored");
  serve::ServerOptions small;
  small.upload_limit = 10000;
  const Served limited(small);
  const std::string large =
      batch({task("data:image/png;base64," + std::string(20000, 'A'))}).dump();
  CHECK(limited.client().Post("/predict", large, "application/json")->status == 413);
}

TEST_CASE("Label Studio: its basic authentication carries the token", "[serve]") {
  serve::ServerOptions options;
  options.token = "secret";
  const Served served(options);
  const auto status = [&](const std::string& user, const std::string& password) {
    auto client = served.client();
    client.set_basic_auth(user, password);
    return client.Get("/health")->status;
  };
  CHECK(status("anybody", "secret") == 200);
  CHECK(status("secret", "wrong") == 401);
  CHECK(served.client().Get("/health")->status == 401);
  CHECK(served.client().Get("/health", {{"Authorization", "Basic ???"}})->status == 401);
}

TEST_CASE("Label Studio: two people who mark other things at once get their own", "[serve]") {
  const Served served;
  cv::Mat two = discs();
  for (int column = 0; column < 4; ++column)
    cv::circle(two, {40 + 80 * column, 200}, 18, cv::Scalar(40, 60, 230), -1);
  io::write_png(served.folder() / "two.png", two);
  const Json where = task("/data/local-files/?d=two.png");
  Json below = rectangle("ring");
  below["value"]["y"] = 180 / height * 100;
  Json above = rectangle();
  Json other = rectangle("ring");
  other["value"]["y"] = 20 / height * 100;
  std::vector<std::jthread> people;
  std::atomic<int> right{0};
  for (int i = 0; i < 6; ++i)
    people.emplace_back([&, i] {
      Json no = i % 2 == 0 ? below : above;  // of whom each does not mean what the other does
      no["is_positive"] = false;
      no["value"]["rectanglelabels"] = List{i % 2 == 0 ? "disc" : "ring"};
      const auto [status, answer] =
          served.post("/predict", request({where}, {i % 2 == 0 ? above : below, no}));
      const std::size_t expected = i % 2 == 0 ? 8 : 4;
      right += status == 200 && answer["results"][0]["result"].size() == expected ? 1 : 0;
    });
  people.clear();
  CHECK(right == 6);
}
