#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "io/base64.hpp"
#include "persense/example.hpp"
#include "persense/io/files.hpp"
#include "persense/io/images.hpp"
#include "serve/label_config.hpp"
#include "serve/label_studio_host.hpp"
#include "serve/label_studio_rle.hpp"
#include "served.hpp"

using namespace persense;
using test::message_of;
using testing::discs;
using testing::Json;
using testing::Served;

namespace {

using List = std::vector<Json>;  // braces around one Json would copy it

constexpr double width = 320, height = 240;  // of the discs

/// A project's configuration, with these tags for regions.
std::string config(const std::string& tags) {
  return "<View><Image name=\"img\" value=\"$photo\"/>" + tags + "</View>";
}
std::string labels(const std::string& tag, const std::string& more = "") {
  return "<" + tag + " name=\"" + tag + "\" toName=\"img\" " + more +
         "><Label value=\"disc\"/><Label value=\"ring\"/></" + tag + ">";
}
const std::string all_tags = config(labels("RectangleLabels", "smart=\"true\"") +
                                    labels("KeyPointLabels", "smart=\"true\"") +
                                    labels("PolygonLabels"));
const std::string brushes =
    config(labels("BrushLabels", "smart=\"true\"") + labels("RectangleLabels", "smart=\"true\""));

Json task(const std::string& photo = "/data/local-files/?d=a.png") {
  return {{"id", 7}, {"data", {{"photo", photo}}}};
}

Json region(const std::string& type, Json value, const std::string& label = "disc") {
  value[type] = List{label};
  return {{"id", "a"},   {"type", type},           {"from_name", type},
          {"to_name", "img"}, {"value", value}, {"original_width", width},
          {"original_height", height}};
}
Json rectangle(const std::string& label = "disc") {
  return region("rectanglelabels",
                {{"x", 20 / width * 100},
                 {"y", 20 / height * 100},
                 {"width", 40 / width * 100},
                 {"height", 40 / height * 100},
                 {"rotation", 0}},
                label);
}

Json request_in(const Json& context, const List& tasks, const std::string& label_config) {
  return {{"tasks", tasks},
          {"project", "1.2"},
          {"label_config", label_config},
          {"params", {{"login", nullptr}, {"password", nullptr}, {"context", context}}}};
}
/// An interactive prediction.
Json request(const List& tasks, const List& regions, const std::string& label_config = all_tags) {
  return request_in({{"result", regions}}, tasks, label_config);
}
/// One of tasks in which nothing was marked now.
Json batch(const List& tasks, const std::string& label_config = all_tags) {
  return request_in(nullptr, tasks, label_config);
}

/// The regions that were found in the only task.
Json found(const Served& served, const Json& asked) {
  const auto [status, answer] = served.post("/predict", asked);
  INFO(answer.dump().substr(0, 300));
  REQUIRE(status == 200);
  REQUIRE(answer["results"].size() == 1);
  return answer["results"][0]["result"];
}

std::string error(const Served& served, const Json& asked, int expected = 400) {
  const auto [status, answer] = served.post("/predict", asked);
  CHECK(status == expected);
  const auto line = answer.value("error", std::string());
  CHECK(line.find('\n') == line.npos);
  return line;
}

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

/// Label Studio, as far as files are concerned.
class FileHost {
 public:
  explicit FileHost(std::string key) : key_(std::move(key)) {
    server_.Get("/data/upload/1/x.png", [this](const auto& request, auto& response) {
      asked_ += 1;
      if (request.get_header_value("Authorization") != key_) {
        response.status = 401;
        return;
      }
      const auto png = io::encode_png(discs());
      response.set_content(reinterpret_cast<const char*>(png.data()), png.size(), "image/png");
    });
    server_.Get("/moved.png", [](const auto&, auto& response) {
      response.set_redirect("http://127.0.0.1:1/secret.png");
    });
    server_.Post("/api/token/refresh/", [](const auto& request, auto& response) {
      const Json body = Json::parse(request.body);
      response.set_content(
          body["refresh"] == "eyJa.b.c" ? R"({"access": "short-lived"})" : R"({"detail": "no"})",
          "application/json");
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ~FileHost() {
    server_.stop();
    thread_.join();
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  int asked() const { return asked_; }

 private:
  const std::string key_;
  httplib::Server server_;
  std::atomic<int> asked_{0};
  int port_ = 0;
  std::thread thread_;
};

}  // namespace

TEST_CASE("Label Studio: a model is set up by a configuration with regions of images", "[serve]") {
  const Served served;
  CHECK(served.client().Get("/health")->status == 200);
  const auto [status, answer] = served.post("/setup", {{"project", "1.2"}, {"schema", all_tags}});
  CHECK(status == 200);
  CHECK(answer["model_version"].get<std::string>().starts_with("persense-"));
  CHECK(answer["model_version"].get<std::string>().ends_with("-classic"));
  CHECK(served.get("/versions")["versions"][0] == answer["model_version"]);
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
  const Json turned = {{"x", 60 / width * 100}, {"y", 20 / height * 100},
                       {"width", 40 / width * 100}, {"height", 40 / height * 100},
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
      "/predict", batch({task(), task("/data/local-files/?d=none.png"),
                         task("/data/local-files/?d=b.png")}));
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
  CHECK(found(served, batch({task()}, one))[0]["value"]["polygonlabels"] ==
        List{"bean"});
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

TEST_CASE("Label Studio: images are files below the folder, or part of the task", "[serve]") {
  const Served served;
  std::filesystem::create_directories(served.folder() / "upload/1");
  io::write_png(served.folder() / "upload/1/x y+z.png", discs());
  const std::string data =
      "data:image/png;base64," + io::detail::to_base64(io::encode_png(discs()));
  for (const std::string& photo :
       {std::string("/data/local-files/?d=a.png"), std::string("/data/local-files/?d=upload%2F1%2Fx+y%2Bz.png"),
        std::string("/data/upload/1/x%20y+z.png"), std::string("upload/1/x y+z.png"),
        std::string("/storage-data/uploaded/?filepath=upload/1/x%20y%2Bz.png"), data}) {
    INFO(photo.substr(0, 60));
    CHECK(found(served, request({task(photo)}, {rectangle()})).size() == 12);
  }
}

TEST_CASE("Label Studio: no path leads out of the folder", "[serve]") {
  const Served served;
  const test::Scratch outside;
  io::write_png(outside / "secret.png", discs());
  std::filesystem::create_directory_symlink(outside.path(), served.folder() / "link");
  std::filesystem::create_symlink(outside / "secret.png", served.folder() / "linked.png");
  const std::string up = "../" + outside.path().filename().string() + "/secret.png";
  for (const std::string& path :
       {"/data/local-files/?d=" + up, "/data/local-files/?d=%2e%2e/" + up.substr(3),
        "/data/local-files/?d=" + (outside / "secret.png").string(),
        "/data/local-files/?d=//" + (outside / "secret.png").string(),
        std::string("/data/local-files/?d=link/secret.png"),
        std::string("/data/local-files/?d=linked.png"), "/data/upload/../" + up,
        std::string("/data/local-files/?d=a.png%00.jpg"), std::string("/data/local-files/?d=")}) {
    INFO(path);
    CHECK(error(served, request({task(path)}, {rectangle()}), 404)
              .ends_with("no such file below the served folder; expected one, or the server that "
                         "has it (--label-studio-url, LABEL_STUDIO_API_KEY)"));
  }
}

TEST_CASE("Label Studio: nothing is fetched from hosts that were not named", "[serve]") {
  const FileHost host("Token key");
  const Served served;
  for (const std::string& address :
       {host.url() + "/data/upload/1/x.png", std::string("s3://bucket/x.png"),
        std::string("file:///etc/passwd"), std::string("ftp://127.0.0.1/x"),
        std::string("a.png")})
    CHECK(error(served, request({task(address)}, {rectangle()})) ==
          "image " + address +
              ": expected /data/local-files/?d=PATH or /data/upload/PATH below the served folder, "
              "a data: address, or one of the server of --label-studio-url");
  serve::ServerOptions options;
  options.label_studio_url = "http://127.0.0.1:1";  // another port is another server
  const Served other(options);
  CHECK(error(other, request({task(host.url() + "/data/upload/1/x.png")}, {rectangle()}))
            .starts_with("image http://127.0.0.1:"));
  CHECK(host.asked() == 0);
}

TEST_CASE("Label Studio: files are fetched from the server that was named, with its token",
          "[serve]") {
  if (!label::http_is_built_in()) return;
  for (const auto& [key, sent] : std::vector<std::pair<std::string, std::string>>{
           {"key", "Token key"}, {"eyJa.b.c", "Bearer short-lived"}}) {
    const FileHost host(sent);
    serve::ServerOptions options;
    options.label_studio_url = host.url() + "/";
    options.label_studio_key = key;
    const Served served(options);
    for (const std::string& address :
         {std::string("/data/upload/1/x.png"), host.url() + "/data/upload/1/x.png"})
      CHECK(found(served, request({task(address)}, {rectangle()})).size() == 12);
    CHECK(host.asked() == 2);
  }
  const FileHost host("Token key");
  serve::ServerOptions options;
  options.label_studio_url = host.url();
  const Served served(options);
  CHECK(error(served, request({task("/data/upload/1/x.png")}, {rectangle()})) ==
        "Label Studio " + host.url() +
            "/data/upload/1/x.png: answered with status 401, expected 200; is LABEL_STUDIO_API_KEY "
            "a token that it accepts?");
  CHECK(error(served, request({task(host.url() + "/moved.png")}, {rectangle()}))
            .find("answered with status 302") != std::string::npos);
  const auto at = host.url().find("//") + 2;
  const std::string as_user = "http://user@" + host.url().substr(at) + "/data/upload/1/x.png";
  CHECK(error(served, request({task(as_user)}, {rectangle()})).starts_with("image http://user@"));
}

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
  CHECK(asked(region("keypointlabels", {{"x", 3}, {"y", 1e300}})) == "region 1: y is far too large");
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
  const std::string large = batch({task("data:image/png;base64," + std::string(20000, 'A'))}).dump();
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
  CHECK(message_of<InvalidArgument>([&] { serve::parse_label_config(deep); })
            .starts_with("label_config: "));
}

TEST_CASE("Label Studio: run lengths of a brush are read as they were written", "[serve]") {
  for (const Size size : {Size{1, 1}, Size{7, 5}, Size{640, 480}}) {
    Mask mask{{0, 0, size.width, size.height}, {}};
    unsigned random = 1;
    for (std::int64_t i = 0; i < size.pixels(); ++i) {
      random = random * 1664525 + 1013904223;
      mask.bits.push_back(random >> 28 == 3 || (i / 1000) % 7 == 2 ? 1 : 0);
    }
    const auto runs =
        serve::runs_of_label_studio_rle(serve::to_label_studio_rle(mask, size), size);
    std::vector<std::uint8_t> read;
    for (std::size_t i = 0; i < runs.size(); ++i)
      read.insert(read.end(), static_cast<std::size_t>(runs[i]), i % 2);
    CHECK(read == mask.bits);
  }
  const auto none = serve::to_label_studio_rle({}, {640, 480});
  CHECK(serve::runs_of_label_studio_rle(none, {640, 480}) == std::vector<std::int64_t>{307200});
}
