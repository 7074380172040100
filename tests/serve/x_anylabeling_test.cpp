#include <opencv2/imgproc.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "io/base64.hpp"
#include "persense/example.hpp"
#include "persense/io/images.hpp"
#include "served.hpp"

using namespace persense;
using testing::discs;
using testing::Json;
using testing::Served;

namespace {

std::string picture() { return io::detail::to_base64(io::encode_png(discs())); }

using List = std::vector<Json>;  // braces around one Json would copy it

Json request(const List& marks = {}) {
  return {{"model", "persense"},
          {"image", "data:image/png;base64," + picture()},
          {"params",
           {{"marks", marks},
            {"conf_threshold", 0.0},
            {"iou_threshold", 0.45},
            {"epsilon_factor", 0.001}}}};
}
Json rectangle(const Json& data, int label = 1) {
  return {{"type", "rectangle"}, {"data", data}, {"label", label}};
}

Json shapes(const Served& served, const Json& asked) {
  const auto [status, answer] = served.post("/v1/predict", asked);
  INFO(answer.dump().substr(0, 300));
  REQUIRE(status == 200);
  REQUIRE(answer["success"] == true);
  return answer["data"]["shapes"];
}

Json refusal(const Served& served, const Json& asked) {
  const auto [status, answer] = served.post("/v1/predict", asked);
  CHECK(status == 200);  // as the interface has it
  CHECK(answer["success"] == false);
  CHECK(answer["data"]["description"] == answer["error"]["message"]);  // what its users see
  return answer.value("error", Json());
}

}  // namespace

TEST_CASE("X-AnyLabeling: the server names its model and what its panel shows", "[serve]") {
  const Served served;
  CHECK(served.get("/health")["status"] == "healthy");
  const Json models = served.get("/v1/models");
  CHECK(models["success"] == true);
  REQUIRE(models["data"].size() == 1);
  CHECK(models["data"]["persense"]["display_name"] == "PerSense");
  std::set<std::string> widgets;
  for (const Json& widget : models["data"]["persense"]["widgets"]) {
    widgets.insert(widget["name"].get<std::string>());
    CHECK(widget.contains("value"));
  }
  CHECK(widgets.contains("add_pos_rect"));
  CHECK_FALSE(widgets.contains("button_run"));  // there is nothing to look for without marks
  const Json info = served.get("/v1/models/persense/info");
  CHECK(info["data"]["model_id"] == "persense");
  CHECK(served.get("/v1/models/other/info")["error"]["code"] == "MODEL_NOT_FOUND");
}

TEST_CASE("X-AnyLabeling: all objects like those in rectangles or at points are polygons",
          "[serve]") {
  const Served served;
  const Json box = {{"box", {20, 20, 60, 60}}}, point = {{"point", {40, 40}}};
  const Json at = {{"type", "point"}, {"data", {40, 40}}, {"label", 1}};
  for (const auto& [mark, same] :
       {std::pair(rectangle({20, 20, 60, 60}), box), std::pair(rectangle({60, 60, 20, 20}), box),
        std::pair(at, point)}) {
    INFO(mark);
    const Json found = shapes(served, request({mark}));
    REQUIRE(found.size() == 12);
    const std::vector<double> areas = served.areas(same);
    for (std::size_t i = 0; i < found.size(); ++i) {
      const Json& one = found[i];
      CHECK(one["label"] == "AUTOLABEL_OBJECT");  // whose class is asked for
      CHECK(one["shape_type"] == "polygon");
      CHECK(one["points"].front() == one["points"].back());
      CHECK(one["score"].get<double>() > 0);
      std::vector<cv::Point> corners;
      for (const Json& p : one["points"]) corners.emplace_back(p[0], p[1]);
      CHECK(cv::contourArea(corners) == Approx(areas.at(i)).epsilon(0.06));
    }
  }
}

TEST_CASE("X-AnyLabeling: negative marks and the confidence leave objects out", "[serve]") {
  const Served served;
  cv::Mat two = discs();
  for (int column = 0; column < 4; ++column)
    cv::circle(two, {40 + 80 * column, 200}, 18, cv::Scalar(40, 60, 230), -1);
  Json asked = request({rectangle({20, 20, 60, 60}), rectangle({20, 180, 60, 220}, 0)});
  asked["image"] = io::detail::to_base64(io::encode_png(two));
  CHECK(shapes(served, asked).size() == 8);
  Json sure = request({rectangle({20, 20, 60, 60})});
  sure["params"]["conf_threshold"] = 1.01;
  CHECK(shapes(served, sure).empty());
}

TEST_CASE("X-AnyLabeling: without marks the server's own support is looked for, by its name",
          "[serve]") {
  const auto own = [](const Engine& engine) -> serve::OwnSupports {
    const Image image = Image::from_rgb(discs());
    const Example example{engine.encode(image.view()), Box{20, 20, 60, 60}};
    return {{engine.support(std::vector{example}, "disc")}, "0123"};
  };
  const Served served({}, own);
  const Json found = shapes(served, request());
  REQUIRE(found.size() == 12);
  CHECK(found[0]["label"] == "disc");
  CHECK(served.get("/v1/models")["data"]["persense"]["widgets"][0]["name"] == "button_run");
  const Served without;
  const auto [status, answer] = without.post("/v1/predict", request());
  CHECK(answer["data"]["shapes"].empty());
  CHECK(answer["data"]["description"].get<std::string>().starts_with("nothing is marked"));
}

TEST_CASE("X-AnyLabeling: what is refused has the interface's codes", "[serve]") {
  const Served served;
  Json other = request();
  other["model"] = "yolo11n";
  CHECK(refusal(served, other)["code"] == "MODEL_NOT_FOUND");
  for (const char* image : {"????", "AAAA", "data:image/png,AAAA"}) {
    Json broken = request({rectangle({20, 20, 60, 60})});
    broken["image"] = image;
    CHECK(refusal(served, broken)["code"] == "INVALID_IMAGE");
  }
  const auto message = [&](const Json& mark) {
    return refusal(served, request({mark}))["message"];
  };
  CHECK(message(rectangle({1, 2, 3})) == "mark 1: got 3 numbers, expected 4");
  CHECK(message({{"type", "circle"}, {"data", {1, 2}}}) ==
        "mark 1: got a circle, expected a point or rectangle");
  CHECK(message({{"type", 3}}) == "mark 1: is no mark");
  CHECK(served.client().Post("/v1/predict", "{", "application/json")->status == 400);
  CHECK(served.post("/v1/predict", {{"model", "persense"}}).first == 400);
  CHECK(served.post("/v1/predict", {{"model", 3}}).first == 400);
}

TEST_CASE("X-AnyLabeling: its API key is the token", "[serve]") {
  serve::ServerOptions options;
  options.token = "secret";
  const Served served(options);
  CHECK(served.client().Get("/v1/models", {{"Token", "secret"}})->status == 200);
  CHECK(served.client().Get("/v1/models", {{"Token", "secre"}})->status == 401);
}
