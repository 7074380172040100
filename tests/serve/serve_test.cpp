#include <atomic>
#include <cmath>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "persense/io/images.hpp"
#include "served.hpp"

using namespace persense;
using testing::discs;
using testing::Json;
using testing::Served;

namespace {

const Json box_mark = {{"image", "a.png"}, {"class", "disc"}, {"box", {20, 20, 60, 60}}};

double area_of(const Json& ring) {
  double twice = 0;
  for (std::size_t i = 0; i < ring.size(); i += 2) {
    const std::size_t j = (i + 2) % ring.size();
    twice += ring[i].get<double>() * ring[j + 1].get<double>() -
             ring[j].get<double>() * ring[i + 1].get<double>();
  }
  return twice / 2;
}

}  // namespace

TEST_CASE("serve: what is marked by a box is found, with outlines and a count", "[serve]") {
  const Served served;
  const auto [status, found] =
      served.post("/api/segment", {{"image", "a.png"}, {"marks", {box_mark}}});
  REQUIRE(status == 200);
  CHECK(found["instances"].size() == 12);
  CHECK(found["classes"][0]["name"] == "disc");
  CHECK(found["classes"][0]["count"] == 12);
  CHECK(found["examples"].size() == 1);
  for (const Json& one : found["instances"]) {
    double area = 0;
    for (const Json& ring : one["rings"]) area += area_of(ring);
    // what an outline within half a pixel of a disc of radius 18 may lose
    CHECK(area == Approx(one["area"].get<double>()).epsilon(0.06));
  }
}

TEST_CASE("serve: points, outlines and painted pixels mark objects, too", "[serve]") {
  const Served served;
  std::vector<int> runs{40 * 320 + 30};  // ten rows of a disc's middle
  for (int row = 0; row < 10; ++row) runs.insert(runs.end(), {20, 300});
  runs.back() = 320 * 240 - (40 + 9) * 320 - 50;
  for (const Json& shape :
       {Json{{"point", {40, 40}}}, Json{{"polygon", {24, 40, 40, 24, 56, 40, 40, 56}}},
        Json{{"runs", runs}}}) {
    Json mark = shape;
    mark["image"] = "b.png";
    const auto [status, found] =
        served.post("/api/segment", {{"image", "a.png"}, {"marks", {mark}}});
    INFO(shape.dump().substr(0, 40) << found.dump().substr(0, 200));
    REQUIRE(status == 200);
    CHECK(found["instances"].size() == 12);
  }
}

TEST_CASE("serve: an export holds what the page still shows", "[serve]") {
  const Served served;
  const auto [status, found] =
      served.post("/api/segment", {{"image", "a.png"}, {"marks", {box_mark}}});
  const Json kept = {{"result", found["result"]}, {"removed", {1, 2}}, {"format", "coco"}};
  const auto [coco_status, coco] = served.post("/api/export", kept);
  CHECK(coco_status == 200);
  CHECK(coco["annotations"].size() == 10);
  CHECK(coco["images"][0]["file_name"] == "a.png");
  for (const auto& [format, begin] :
       std::vector<std::pair<std::string, std::string>>{{"csv", "id,x,y"},
                                                        {"measurements", "id,x,y"},
                                                        {"yolo", "0 0."},
                                                        {"geojson", "{\"type\":"},
                                                        {"imagej", "PK"},
                                                        {"labels", "\x89PNG"},
                                                        {"overlay", "\x89PNG"}}) {
    Json request = kept;
    request["format"] = format;
    const auto answer = served.client().Post("/api/export", request.dump(), "application/json");
    CHECK(answer->status == 200);
    CHECK(answer->body.starts_with(begin));
  }
  CHECK(served.post("/api/export", {{"result", 999}, {"format", "csv"}}).first == 400);
}

TEST_CASE("serve: all images are counted with the same marks, and can be saved", "[serve]") {
  const Served served;
  CHECK(served.post("/api/run", {{"marks", {box_mark}}}).first == 200);
  Json run;
  for (int i = 0; i < 600; ++i) {
    run = served.get("/api/run");
    if (!run["running"].get<bool>()) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  CHECK(run["done"] == 2);
  CHECK(run["rows"][1]["counts"] == Json{12});
  CHECK(served.get("/api/run/coco")["annotations"].size() == 24);
  const std::string counts = served.client().Get("/api/run/counts")->body;
  CHECK(counts.starts_with("image,disc,estimated,confidence\na.png,12,"));
}

TEST_CASE("serve: an upload joins the list and can be asked about", "[serve]") {
  const Served served;
  const auto png = io::encode_png(discs());
  const std::string bytes(png.begin(), png.end());
  const auto answer = served.client().Post("/api/upload?name=../../a.png", bytes, "image/png");
  CHECK(Json::parse(answer->body)["name"] == "../../a.png");  // a name, no path
  CHECK(served.get("/api/state")["images"].size() == 3);
  CHECK(served.client().Get("/api/image?name=../../a.png")->status == 200);
  const auto broken = served.client().Post("/api/upload?name=x.png", "no image", "image/png");
  CHECK(broken->status == 400);
  CHECK(Json::parse(broken->body)["error"] == "x.png: is no image that can be read");
}

TEST_CASE("serve: what is wrong with a request is one line", "[serve]") {
  const Served served;
  const auto error = [&](const Json& marks) {
    const auto [status, answer] =
        served.post("/api/segment", {{"image", "a.png"}, {"marks", marks}});
    CHECK(status == 400);
    return answer["error"].get<std::string>();
  };
  CHECK(error(Json::array()) == "marks: got none, expected at least one object to be marked");
  CHECK(error({{{"image", "c.png"}, {"box", {1, 2, 3, 4}}}}) ==
        "mark 1: image: got \"c.png\", expected one of the list");
  CHECK(error({{{"image", "a.png"}}}) == "mark 1: has neither box, point, polygon nor runs");
  CHECK(error({{{"image", "a.png"}, {"runs", {1, 1 << 30}}}}) ==
        "mark 1: runs: do not fit the image's 76800 pixels");
  CHECK(error({{{"image", "a.png"}, {"box", {1, 2, 3}}}}) == "mark 1: got 3 numbers, expected 4");
  CHECK(error({{{"image", 3}, {"box", {1, 2, 3, 4}}}}) == "mark 1: is no mark");
  const auto client = served.client();
  CHECK(served.client().Post("/api/segment", "{", "application/json")->status == 400);
  CHECK(served.client().Get("/api/image?name=../a.png")->status == 400);
  CHECK(served.client().Get("/../../etc/passwd")->status == 404);
}

TEST_CASE("serve: other sites' pages and other names of this machine are refused", "[serve]") {
  const Served served;
  CHECK(served.client().Get("/api/state", {{"Host", "example.org"}})->status == 403);
  CHECK(served.client().Get("/api/state", {{"Origin", "http://example.org"}})->status == 403);
  CHECK(served.client().Get("/api/state")->status == 200);
}

TEST_CASE("serve: requests without the token are refused where there is one", "[serve]") {
  serve::ServerOptions options;
  options.token = "secret";
  const Served served(options);
  CHECK(served.address().ends_with("/?token=secret"));
  CHECK(served.client().Get("/api/state")->status == 401);
  CHECK(served.client().Get("/api/state", {{"Authorization", "Bearer secre"}})->status == 401);
  CHECK(served.client().Get("/api/state", {{"Authorization", "Bearer secret"}})->status == 200);
  const auto page = served.client().Get("/?token=secret");
  CHECK(page->status == 200);
  const std::string cookie = page->get_header_value("Set-Cookie");
  CHECK(cookie.find("HttpOnly; SameSite=Strict") != cookie.npos);
  CHECK(
      served.client().Get("/api/state", {{"Cookie", cookie.substr(0, cookie.find(';'))}})->status ==
      200);
  CHECK(serve::random_token().size() == 32);
  CHECK(serve::random_token() != serve::random_token());
  CHECK(serve::is_loopback("127.0.0.1"));
  CHECK_FALSE(serve::is_loopback("0.0.0.0"));
}

TEST_CASE("serve: a request that is too large is refused", "[serve]") {
  serve::ServerOptions options;
  options.upload_limit = 1000;
  const Served served(options);
  CHECK(served.client().Post("/api/upload?name=a", std::string(2000, 'x'), "image/png")->status ==
        413);
}

TEST_CASE("serve: several pages are answered at once, and a query can be cancelled", "[serve]") {
  const Served served;
  std::vector<std::jthread> pages;
  std::atomic<int> right{0};
  for (int i = 0; i < 4; ++i)
    pages.emplace_back([&, i] {
      const auto [status, found] = served.post(
          "/api/segment", {{"image", i % 2 == 0 ? "a.png" : "b.png"}, {"marks", {box_mark}}});
      right += status == 200 && found["instances"].size() == 12 ? 1 : 0;
    });
  pages.clear();
  CHECK(right == 4);
  CHECK(served.post("/api/cancel", {{"query", "nobody's"}}).second["cancelled"] == false);
}
