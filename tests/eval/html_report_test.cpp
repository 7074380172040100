#include "persense/eval/html_report.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <opencv2/imgproc.hpp>
#include <regex>
#include <thread>

#include "../io/scratch.hpp"
#include "catch.hpp"
#include "io/base64.hpp"
#include "message_of.hpp"
#include "persense/error.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace persense;
using namespace persense::test;
using nlohmann::json;

namespace {

const Size frame{80, 60};

Mask square(int x, int y, int side) {
  return {{x, y, x + side, y + side},
          std::vector<std::uint8_t>(static_cast<std::size_t>(side) * side, 1)};
}

/// Squares that were found, with all that a figure is made of.
Result result_of(const std::vector<Mask>& masks) {
  Result result;
  result.image_size = frame;
  for (const Mask& mask : masks) {
    Instance instance;
    instance.mask = mask;
    instance.score = 0.75f;
    result.instances.push_back(instance);
  }
  Trace trace;
  trace.similarity = FloatMap::Constant(frame.height, frame.width, 0.5f);
  result.classes.push_back({"a", masks.size(), 2.25, {}, false, trace});
  return result;
}

/// Two true squares of 10 pixels, at (4, 4) and (40, 30).
eval::Truth two_squares() {
  eval::Truth truth;
  truth.labels = cv::Mat::zeros(frame.height, frame.width, CV_32SC1);
  truth.labels(cv::Rect(4, 4, 10, 10)) = 7;
  truth.labels(cv::Rect(40, 30, 10, 10)) = 9;
  return truth;
}

struct Scored {
  std::string class_name, name;
  eval::Truth truth;
  Result result;
  eval::ImageScore score = eval::score(truth, result);
};

const std::string bad_name = "<b>&\"</script><!--";

std::vector<Scored> three_queries() {
  return {{bad_name, "right.png", two_squares(), result_of({square(4, 4, 10), square(40, 30, 10)})},
          {bad_name, "half.png", two_squares(),
           result_of({square(4, 4, 9), square(60, 4, 12), square(60, 40, 8)})},
          {"z", "\xff.png", two_squares(), result_of({})}};
}

/// The page of some queries, added in this order, by so many threads.
std::string page_of(const fs::path& path, const std::vector<Scored>& queries,
                    std::vector<std::size_t> order, std::size_t threads = 1) {
  const Image image = Image::from_rgb(cv::Mat(frame.height, frame.width, CV_8UC3, cv::Scalar(90)));
  eval::HtmlReport page(path);
  std::vector<std::thread> workers;
  for (std::size_t t = 0; t < threads; ++t)
    workers.emplace_back([&, t] {
      for (std::size_t k = t; k < order.size(); k += threads) {
        const Scored& q = queries[order[k]];
        page.add(order[k], {q.class_name, q.name, image.view(), q.truth, q.result, q.score, 0.5});
      }
    });
  for (std::thread& worker : workers) worker.join();
  std::vector<eval::ScoredClass> classes;
  for (const Scored& q : queries) {
    if (classes.empty() || classes.back().name != q.class_name)
      classes.push_back({q.class_name, {}});
    classes.back().images.push_back(q.score);
  }
  page.finish(eval::report_of(classes), eval::class_intervals(classes), {"set", {{"seed", "0"}}});
  const Bytes bytes = bytes_of(path);
  return {bytes.begin(), bytes.end()};
}

/// What stands in the script element of this id.
std::string element(const std::string& page, const std::string& id) {
  const std::size_t at = page.find("id=\"" + id + "\">");
  if (at == page.npos) return "";
  const std::size_t begin = page.find('>', at) + 1;
  return page.substr(begin, page.find("</script>", begin) - begin);
}

/// The states of an image's shapes: their second values.
std::vector<int> states(const json& shapes) {
  std::vector<int> list;
  for (const json& shape : shapes) list.push_back(shape[1]);
  return list;
}

}  // namespace

TEST_CASE("HtmlReport: the page holds scores, images and how their objects match",
          "[eval][html_report]") {
  const Scratch scratch;
  const std::string page = page_of(scratch / "r.html", three_queries(), {0, 1, 2});
  CHECK(scratch.file_count() == 1);
  const json data = json::parse(element(page, "data"));
  CHECK(data["title"] == "set");
  CHECK(data["facts"] == json::parse(R"([["seed", "0"]])"));
  CHECK(data["scores"]["classes"][bad_name]["f1"] == Approx(2.0 * 3 / 9));
  REQUIRE(data["images"].size() == 3);
  const json& half = data["images"][1];
  CHECK(half["name"] == "half.png");
  CHECK(half["right"] == 1);
  CHECK(half["false"] == 2);
  CHECK(half["missed"] == 1);
  CHECK(half["f1"] == Approx(0.4));
  CHECK(half["estimated"] == Approx(2.3));  // a decimal of it is shown
  const json shapes = json::parse(element(page, "s1"));
  CHECK(states(shapes["found"]) == std::vector<int>{0, 1, 1});
  CHECK(states(shapes["truth"]) == std::vector<int>{0, 1});
  CHECK(shapes["found"][0][0] == "M4 4l9 0 0 9-9 0z");
  CHECK(shapes["found"][0][3] == 81);
  CHECK(shapes["found"][0][4] == Approx(0.81));
  CHECK(shapes["found"][1][4].is_null());
  CHECK(states(json::parse(element(page, "s0"))["found"]) == std::vector<int>{0, 0});
}

TEST_CASE("HtmlReport: every picture is a JPEG file inside of the page, the worst image's first",
          "[eval][html_report]") {
  const Scratch scratch;
  const std::string page = page_of(scratch / "r.html", three_queries(), {0, 1, 2});
  for (const char* const id : {"t0", "p0", "f0", "t2", "p2", "f2"}) {
    INFO(id);
    const auto bytes = io::detail::from_base64(element(page, id));
    REQUIRE(bytes);
    REQUIRE(bytes->size() > 200);
    CHECK(((*bytes)[0] == 0xff && (*bytes)[1] == 0xd8));
  }
  const auto at = [&](const char* id) { return page.find("id=\"" + std::string(id) + "\""); };
  CHECK(at("t2") < at("t1"));
  CHECK(at("t1") < at("t0"));
  CHECK(at("t0") < at("p2"));  // thumbnails are there before what a click asks for
  // nothing is fetched: no address but the name of SVG, which is none
  std::string rest = page;
  for (std::size_t i; (i = rest.find("http://www.w3.org/2000/svg")) != rest.npos;)
    rest.erase(i, 26);
  CHECK_FALSE(std::regex_search(rest, std::regex("https?:|src=|@import|url\\((?!#)")));
}

TEST_CASE("HtmlReport: names are text, whatever they hold", "[eval][html_report]") {
  const Scratch scratch;
  const std::string page = page_of(scratch / "r.html", three_queries(), {0, 1, 2});
  CHECK(page.find("<b>") == page.npos);
  CHECK(json::parse(element(page, "data"))["images"][0]["class"] == bad_name);
  CHECK(json::parse(element(page, "data"))["images"][2]["name"] == "\xEF\xBF\xBD.png");
  // as many elements begin as end, so that no name began or ended one
  const auto count = [&](const std::string& text) {
    std::size_t n = 0;
    for (std::size_t i = 0; (i = page.find(text, i)) != page.npos; ++i) ++n;
    return n;
  };
  CHECK(count("<script") == count("</script>"));
  CHECK(count("<script") == 2 + 3 * 4);
}

TEST_CASE("HtmlReport: the same page from any number of threads, in any order",
          "[eval][html_report]") {
  const Scratch scratch;
  const auto queries = three_queries();
  const std::string page = page_of(scratch / "r.html", queries, {0, 1, 2});
  CHECK(page_of(scratch / "s.html", queries, {2, 0, 1}) == page);
  CHECK(page_of(scratch / "t.html", queries, {1, 2, 0}, 3) == page);
}

TEST_CASE("HtmlReport: truth without instances has no right and wrong ones",
          "[eval][html_report]") {
  const Scratch scratch;
  eval::Truth mask, count;
  mask.mask = cv::Mat::zeros(frame.height, frame.width, CV_8UC1);
  mask.mask(cv::Rect(4, 4, 10, 10)) = 255;
  count.count = 4;
  const std::vector<Scored> queries = {{"a", "mask.png", mask, result_of({square(9, 4, 10)})},
                                       {"a", "count.png", count, result_of({square(4, 4, 10)})}};
  const std::string page = page_of(scratch / "r.html", queries, {0, 1});
  const json data = json::parse(element(page, "data"));
  CHECK_FALSE(data["images"][0].contains("f1"));
  CHECK(data["images"][0]["iou"] == Approx(50.0 / 150).margin(1e-6));
  CHECK(data["images"][0]["quality"] == data["images"][0]["iou"]);
  CHECK(data["images"][1]["truth"] == 4);
  CHECK(data["images"][1]["quality"] == 0.25);
  const json shapes = json::parse(element(page, "s0"));
  CHECK(states(shapes["found"]) == std::vector<int>{3});
  // the pixels are
  CHECK(shapes["truth"] ==
        json::parse(R"([["M9 4l5 0 0 10-5 0z",0,50],["M4 4l5 0 0 10-5 0z",1,50]])"));
  CHECK(states(shapes["regions"]) == std::vector<int>{0, 1});
  CHECK(shapes["regions"][1][0] == "M14 4l5 0 0 10-5 0z");
  CHECK(json::parse(element(page, "s1"))["truth"].empty());
  CHECK_FALSE(json::parse(element(page, "s1")).contains("regions"));
}

TEST_CASE("HtmlReport: crowds, and what lies in them, are neither right nor wrong",
          "[eval][html_report]") {
  const Scratch scratch;
  eval::Truth truth;
  truth.annotated = true;
  truth.objects = {square(4, 4, 10)};
  truth.crowds = {square(30, 20, 30)};
  const std::vector<Scored> queries = {
      {"a", "1.png", truth, result_of({square(35, 25, 8), square(4, 4, 10), square(66, 4, 8)})}};
  const std::string page = page_of(scratch / "r.html", queries, {0});
  const json shapes = json::parse(element(page, "s0"));
  CHECK(states(shapes["found"]) == std::vector<int>{2, 0, 1});
  CHECK(states(shapes["truth"]) == std::vector<int>{2, 0});
  const json image = json::parse(element(page, "data"))["images"][0];
  CHECK(image["right"] == 1);
  CHECK(image["false"] == 1);
}

TEST_CASE("HtmlReport: what other instances cover whole is not counted", "[eval][html_report]") {
  const Scratch scratch;
  Result result = result_of({square(4, 4, 10), square(5, 5, 4)});
  result.instances[0].score = 0.9f;
  const std::vector<Scored> queries = {{"a", "1.png", two_squares(), result}};
  const std::string page = page_of(scratch / "r.html", queries, {0});
  CHECK(states(json::parse(element(page, "s0"))["found"]) == std::vector<int>{0, 2});
  CHECK(json::parse(element(page, "data"))["images"][0]["false"] == 0);
}

TEST_CASE(
    "HtmlReport: a file that cannot be written is refused first, one that is not finished is "
    "not there",
    "[eval][html_report][errors]") {
  const Scratch scratch;
  using testing::message_of;
  CHECK_THAT(message_of<Unwritable>([&] { eval::HtmlReport(scratch / "no/r.html"); }),
             ContainsSubstring("no/r.html: cannot write: No such file or directory"));
  CHECK_THAT(message_of<Unwritable>([&] { eval::HtmlReport(scratch / ""); }),
             ContainsSubstring("cannot write: Is a directory"));
  const auto queries = three_queries();
  const Image image = Image::from_rgb(cv::Mat(frame.height, frame.width, CV_8UC3, cv::Scalar(90)));
  {
    eval::HtmlReport page(scratch / "r.html");
    const Scored& q = queries[0];
    page.add(0, {q.class_name, q.name, image.view(), q.truth, q.result, q.score});
  }
  CHECK(scratch.file_count() == 0);
}
