#include "persense/label/extractor.hpp"

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <stdexcept>

#include "catch.hpp"
#include "message_of.hpp"

using namespace persense;
using persense::testing::message_of;

namespace {

cv::Mat support_picture() {
  cv::Mat picture(30, 40, CV_8UC3, cv::Scalar(90, 120, 30));
  cv::circle(picture, {20, 15}, 8, cv::Scalar(250, 200, 10), cv::FILLED);
  return picture;
}

cv::Mat support_mask() {
  cv::Mat mask = cv::Mat::zeros(30, 40, CV_8UC1);
  cv::circle(mask, {20, 15}, 8, 1, cv::FILLED);
  return mask;
}

}  // namespace

TEST_CASE("masked_support: keeps the object's pixels and blackens all others", "[label]") {
  const cv::Mat picture = support_picture(), mask = support_mask();
  const cv::Mat masked = masked_support(ImageView::of_rgb(picture), MaskView(mask));
  for (int y = 0; y < picture.rows; ++y)
    for (int x = 0; x < picture.cols; ++x)
      REQUIRE(masked.at<cv::Vec3b>(y, x) ==
              (mask.at<std::uint8_t>(y, x) != 0 ? picture.at<cv::Vec3b>(y, x) : cv::Vec3b()));
  CHECK_THROWS_AS(masked_support(ImageView::of_rgb(picture),
                                 MaskView(cv::Mat(cv::Mat::zeros(30, 40, CV_8UC1)))),
                  InvalidArgument);
}

namespace {

// An image of coloured noise, and the mask of an ellipse in it.
struct Scene {
  Scene(cv::Size size, cv::Point center, cv::Size axes)
      : pixels(size, CV_8UC3), mask(cv::Mat::zeros(size, CV_8UC1)) {
    cv::RNG(7).fill(pixels, cv::RNG::UNIFORM, 100, 250);
    cv::ellipse(mask, center, axes, 0, 0, 360, 1, cv::FILLED);
  }
  cv::Mat shown(Rules rules = Rules::paper) const {
    return shown_support(ImageView::of_rgb(pixels), MaskView(mask), rules);
  }
  cv::Mat masked() const { return masked_support(ImageView::of_rgb(pixels), MaskView(mask)); }

  cv::Mat pixels, mask;
};

// Where an image of CV_8UC3 is not black.
cv::Mat not_black(const cv::Mat& shown) {
  cv::Mat one_channel;
  cv::extractChannel(shown, one_channel, 0);
  return one_channel > 50;
}

bool same(const cv::Mat& a, const cv::Mat& b) {
  return a.size() == b.size() && cv::norm(a, b, cv::NORM_INF) == 0;
}

}  // namespace

TEST_CASE("shown_support: an object that is not small is shown in the whole image as it is",
          "[label]") {
  for (const Scene& scene : {Scene({700, 500}, {350, 250}, {90, 90}),
                             Scene({700, 500}, {100, 480}, {88, 20}),  // a quarter of the side
                             Scene({4000, 3000}, {900, 900}, {510, 300})})
    CHECK(same(scene.shown(), scene.masked()));
}

TEST_CASE("shown_support: the image is cropped around a small object", "[label]") {
  const Scene scene({4000, 3000}, {2000, 1000}, {120, 100});  // 241 x 201 pixels
  const cv::Rect window(2000 - 301, 1000 - 301, 603, 603);
  const cv::Mat shown = scene.shown();
  REQUIRE(std::abs(shown.cols - window.width) <= 1);
  REQUIRE(shown.cols == shown.rows);
  const cv::Rect object = cv::boundingRect(not_black(shown));
  CHECK(object.size() == cv::Size(241, 201));
  CHECK(std::abs(object.x + object.width / 2 - shown.cols / 2) <= 1);
  CHECK(std::abs(object.y + object.height / 2 - shown.rows / 2) <= 1);
  CHECK(same(shown(object), scene.masked()(cv::Rect(1880, 900, 241, 201))));
}

TEST_CASE("shown_support: a model that reduces it to 672 pixels sees 100 or more of any object",
          "[label]") {
  for (const cv::Size image : {cv::Size(4000, 3000), {3000, 4000}, {640, 480}, {120, 90}, {9, 9}})
    for (const int radius : {0, 1, 2, 4, 14, 40, 300}) {
      if (2 * radius + 1 >= image.height) continue;
      for (const cv::Point at : {cv::Point(image.width / 2, image.height / 2),
                                 {radius, radius},
                                 {image.width - 1, image.height - 1}}) {
        INFO(image << " radius " << radius << " at " << at);
        const cv::Mat shown = Scene(image, at, {radius, radius}).shown();
        const double side = std::max(shown.cols, shown.rows);
        const cv::Rect object = cv::boundingRect(not_black(shown));
        CHECK(std::max(object.width, object.height) * std::min(1.0, 672 / side) >= 100);
        CHECK(std::max(object.width, object.height) < side);
      }
    }
}

TEST_CASE("shown_support: an enlarged object keeps its shape and is black beside it", "[label]") {
  const Scene scene({4000, 3000}, {2000, 1500}, {14, 14});
  const cv::Mat object = not_black(scene.shown());
  const double radius = 168 / 2.0, area = cv::countNonZero(object);
  CHECK(area / (3.14159 * radius * radius) > 0.9);
  CHECK(area / (3.14159 * radius * radius) < 1.1);
  cv::Mat values;
  scene.shown().copyTo(values, object);
  double lowest = 0, highest = 0;
  cv::minMaxLoc(scene.shown().reshape(1), &lowest, &highest);
  CHECK(lowest == 0);
  CHECK(cv::mean(values, object)[0] > 150);  // no black of the surroundings in it: 175 on average
}

TEST_CASE("shown_support: reference rules show the whole image, black beside the object",
          "[label]") {
  const Scene scene({4000, 3000}, {2000, 1000}, {14, 14});
  CHECK(same(scene.shown(Rules::reference), scene.masked()));
  CHECK_THROWS_AS(shown_support(ImageView::of_rgb(scene.pixels),
                                MaskView(cv::Mat(cv::Mat::zeros(3000, 4000, CV_8UC1)))),
                  InvalidArgument);
}

#if !PERSENSE_HTTP

TEST_CASE("ClassLabelExtractor: a build without libcurl says so", "[label][errors]") {
  CHECK_FALSE(ClassLabelExtractor::is_built_in());
  LabelSettings settings;
  settings.endpoint = "http://localhost";
  const auto message = message_of<InvalidArgument>([&] { ClassLabelExtractor{settings}; });
  CHECK_THAT(message, Catch::Matchers::ContainsSubstring("without libcurl"));
  CHECK_THAT(message, Catch::Matchers::ContainsSubstring("--label"));
}

#else

#include <dlfcn.h>
#include <netdb.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "stub_server.hpp"

using Catch::Matchers::ContainsSubstring;
using persense::testing::chat_answer;
using persense::testing::RawServer;
using persense::testing::StubServer;

namespace {

constexpr const char* silent_name = "silent.invalid";
constexpr std::chrono::duration<double> silence{3};

}  // namespace

// Stands before the C library's in this program: one name is looked up for ever.
extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints,
                           addrinfo** found) {
  if (name != nullptr && std::string(name) == silent_name) {
    std::this_thread::sleep_for(silence);
    return EAI_AGAIN;
  }
  static const auto next =
      reinterpret_cast<decltype(&getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return next(name, service, hints, found);
}

namespace {

constexpr const char* key = "sk-very-secret-0123456789";

LabelSettings settings_for(const std::string& endpoint) {
  LabelSettings settings;
  settings.endpoint = endpoint;
  settings.timeout = 20;  // where nothing is to time out, also on a busy machine
  settings.backoff = 0.01;
  return settings;
}

ClassLabel ask(const LabelSettings& settings) {
  const cv::Mat picture = support_picture(), mask = support_mask();
  return ClassLabelExtractor(settings).extract(ImageView::of_rgb(picture), MaskView(mask));
}

// The one line of an extraction that fails, with what every one of them must have.
std::string failure_of(const LabelSettings& settings) {
  const std::string message = message_of<NoAnswer>([&] { ask(settings); });
  CHECK_THAT(message,
             Catch::Matchers::StartsWith("label endpoint " +
                                         ClassLabelExtractor(settings).shown_endpoint() + ": "));
  CHECK_THAT(message, ContainsSubstring("expected "));
  CHECK_THAT(message, ContainsSubstring("--label"));
  CHECK(message.find('\n') == std::string::npos);
  CHECK(message.size() < 1000);
  return message;
}

StubServer::Handler always(int status, const std::string& body) {
  return [status, body](const httplib::Request&, httplib::Response& response, int) {
    response.status = status;
    response.set_content(body, "application/json");
  };
}

std::string answering(const std::string& body) {
  const StubServer server(always(200, body));
  return failure_of(settings_for(server.url()));
}

double seconds_of(const std::function<void()>& action) {
  const auto begin = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

TEST_CASE("ClassLabelExtractor: asks with the masked picture and takes the noun", "[label]") {
  const StubServer server(always(200, chat_answer("The object in the image is a ripe potato.")));
  LabelSettings settings = settings_for(server.url());
  settings.model = "vip-llava";
  const ClassLabel found = ask(settings);
  CHECK(found.label == "potato");
  CHECK(found.phrase == "all potatoes");
  CHECK(found.answer == "The object in the image is a ripe potato.");

  REQUIRE(server.requests().size() == 1);
  const httplib::Request request = server.requests().front();
  CHECK(request.path == "/v1/chat/completions");
  CHECK(request.get_header_value("Content-Type") == "application/json");
  CHECK_FALSE(request.has_header("Authorization"));
  const auto body = nlohmann::json::parse(request.body);
  CHECK(body["model"] == "vip-llava");
  CHECK(body["temperature"] == 0.2);
  CHECK(body["max_tokens"] == 512);
  const auto& content = body["messages"][0]["content"];
  CHECK(body["messages"][0]["role"] == "user");
  CHECK(content[0]["text"] == "Name the object in the image?");
  const std::string url = content[1]["image_url"]["url"];
  const std::string head = "data:image/png;base64,";
  REQUIRE(url.rfind(head, 0) == 0);
  CHECK(url.size() % 4 == head.size() % 4);
}

namespace {

std::string image_url_in(const httplib::Request& request) {
  const auto body = nlohmann::json::parse(request.body);
  return body["messages"][0]["content"][1]["image_url"]["url"];
}

// The image in a request, R, G, B.
cv::Mat image_in(const httplib::Request& request) {
  const std::string url = image_url_in(request);
  std::vector<std::uint8_t> png;
  unsigned bits = 0, count = 0;
  for (const char c : url.substr(url.find(',') + 1)) {
    const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const auto value = digits.find(c);
    if (value == digits.npos) break;
    bits = bits << 6 | static_cast<unsigned>(value);
    count += 6;
    if (count >= 8) png.push_back(static_cast<std::uint8_t>(bits >> (count -= 8)));
  }
  cv::Mat decoded = cv::imdecode(png, cv::IMREAD_COLOR);
  REQUIRE_FALSE(decoded.empty());
  cv::cvtColor(decoded, decoded, cv::COLOR_BGR2RGB);
  return decoded;
}

}  // namespace

TEST_CASE("ClassLabelExtractor: the image arrives bit by bit as shown_support has it", "[label]") {
  const StubServer server(always(200, chat_answer("potato")));
  const Scene scene({800, 600}, {100, 100}, {14, 10});
  for (const Rules rules : {Rules::paper, Rules::reference}) {
    LabelSettings settings = settings_for(server.url());
    settings.rules = rules;
    ClassLabelExtractor(settings).extract(ImageView::of_rgb(scene.pixels), MaskView(scene.mask));
    CHECK(same(image_in(server.requests().back()), scene.shown(rules)));
  }
}

TEST_CASE("ClassLabelExtractor: reference rules ask as the released code, byte for byte",
          "[label]") {
  const StubServer server(always(200, chat_answer("potato")));
  LabelSettings settings = settings_for(server.url());
  settings.rules = Rules::reference;
  ask(settings);
  const httplib::Request request = server.requests().front();
  const cv::Mat picture = support_picture(), mask = support_mask();
  CHECK(same(image_in(request), masked_support(ImageView::of_rgb(picture), MaskView(mask))));
  std::string body = request.body;
  const std::string url = image_url_in(request);
  body.replace(body.find(url), url.size(), "PNG");
  CHECK(body ==
        R"({"max_tokens":512,"messages":[{"content":[{"text":"Name the object in the image?",)"
        R"("type":"text"},{"image_url":{"url":"PNG"},"type":"image_url"}],"role":"user"}],)"
        R"("stream":false,"temperature":0.2})");
}

TEST_CASE("ClassLabelExtractor: reference rules take the last word", "[label]") {
  const StubServer server(always(200, chat_answer("These are bell pepper.")));
  LabelSettings settings = settings_for(server.url());
  settings.rules = Rules::reference;
  CHECK(ask(settings).label == "pepper");
  CHECK(ask(settings).phrase == "all peppers");
}

TEST_CASE("ClassLabelExtractor: takes a server, a base path or the whole path", "[label]") {
  const StubServer server(always(200, chat_answer("potato")));
  for (const char* const path : {"", "/", "/v1", "/v1/", "/v1/chat/completions"})
    ask(settings_for(server.url() + path));
  for (const auto& request : server.requests()) CHECK(request.path == "/v1/chat/completions");
  ask(settings_for(server.url() + "/openai/v1?version=2"));
  CHECK(server.requests().back().target == "/openai/v1/chat/completions?version=2");
}

TEST_CASE("ClassLabelExtractor: content in parts is put together", "[label]") {
  const StubServer server(always(
      200,
      R"({"choices":[{"message":{"content":[{"type":"text","text":"a "},{"text":"kiwi"}]}}]})"));
  CHECK(ask(settings_for(server.url())).label == "kiwi");
}

TEST_CASE("ClassLabelExtractor: tries again after 500 and 429", "[label]") {
  for (const int status : {500, 503, 429}) {
    const StubServer server([&](const auto&, httplib::Response& response, int number) {
      response.status = number < 3 ? status : 200;
      response.set_content(number < 3 ? "busy" : chat_answer("potato"), "application/json");
    });
    CHECK(ask(settings_for(server.url())).label == "potato");
    CHECK(server.requests().size() == 3);
  }
}

TEST_CASE("ClassLabelExtractor: 500 for ever is an error that counts the tries",
          "[label][errors]") {
  const StubServer server(always(500, R"({"error":{"message":"out of\nmemory"}})"));
  const std::string message = failure_of(settings_for(server.url()));
  CHECK_THAT(message, ContainsSubstring("status 500 \"out of memory\" (3 tries)"));
  CHECK(server.requests().size() == 3);
}

TEST_CASE("ClassLabelExtractor: 4xx is not tried again", "[label][errors]") {
  for (const int status : {401, 403, 404}) {
    const StubServer server(always(status, R"({"error":"no such model"})"));
    const std::string message = failure_of(settings_for(server.url()));
    CHECK_THAT(message,
               ContainsSubstring("status " + std::to_string(status) + " \"no such model\""));
    CHECK(server.requests().size() == 1);
  }
}

TEST_CASE("ClassLabelExtractor: asks for JSON, whose singular and plural it takes", "[label]") {
  struct Case {
    const char *answer, *label, *phrase;
  };
  const Case cases[] = {
      {R"({"singular": "bell pepper", "plural": "bell peppers"})", "bell pepper",
       "all bell peppers"},
      {R"({"singular": "Ox", "plural": "Oxen"})", "ox", "all oxen"},
      {R"({"singular": "the genius", "plural": "genii."})", "genius", "all genii"},
      {R"({"singular": "TV", "plural": "TVs"})", "TV", "all TVs"},
      {R"({"singular": "rice", "plural": ""})", "rice", "all rice"},
      {R"({"singular": "knife"})", "knife", "all knives"},
      {"```json\n{\n  \"singular\": \"olive\",\n  \"plural\": \"olives\"\n}\n```", "olive",
       "all olives"},
      {R"(<think>{a bean?}</think>{"singular":"pea","plural":"peas"})", "pea", "all peas"},
      {R"({"object": "bell peppers"})", "bell pepper", "all bell peppers"}};
  for (const auto& [answer, label, phrase] : cases) {
    INFO(answer);
    const StubServer server(always(200, chat_answer(answer)));
    const ClassLabel found = ask(settings_for(server.url()));
    CHECK(found.label == label);
    CHECK(found.phrase == phrase);
    CHECK(found.answer == answer);
    REQUIRE(server.requests().size() == 1);
    const auto body = nlohmann::json::parse(server.requests().front().body);
    CHECK(body["response_format"]["type"] == "json_schema");
    const auto& schema = body["response_format"]["json_schema"]["schema"];
    CHECK(schema["required"] == nlohmann::json{"singular", "plural"});
    CHECK_THAT(body["messages"][0]["content"][2]["text"].get<std::string>(),
               ContainsSubstring("JSON"));
  }
}

TEST_CASE("ClassLabelExtractor: JSON without a usable name is an error that quotes it",
          "[label][errors]") {
  const std::string endless(100000, 'x');
  const std::string answers[] = {R"({"singular": "bell pep)",
                                 R"({"singular": "a", "plural": })",
                                 R"({"singular": "", "plural": "potatoes"})",
                                 R"({"singular": " \n", "plural": ""})",
                                 R"({"singular": "the", "plural": "the"})",
                                 R"({"singular": "object", "plural": "objects"})",
                                 R"({"singular": "...", "plural": "..."})",
                                 R"({"singular": 1, "plural": 2})",
                                 R"({"singular": ["potato"], "plural": "potatoes"})",
                                 R"({"singular": "potato", "plural": null})",
                                 R"({"singular": "pota\u0007to", "plural": "potatoes"})",
                                 R"({"singular": ")" + endless + R"(", "plural": "xs"})",
                                 R"({"singular": "x-ray", "plural": ")" + endless + R"("})"};
  for (const std::string& answer : answers) {
    INFO(answer.substr(0, 100));
    const StubServer server(always(200, chat_answer(answer)));
    const std::string message = failure_of(settings_for(server.url()));
    CHECK_THAT(message, ContainsSubstring("answered \"{\"singular\": "));
    CHECK_THAT(message, ContainsSubstring("words that name one object"));
    CHECK(server.requests().size() == 1);
  }
}

TEST_CASE("ClassLabelExtractor: a server that rejects response_format is asked for words",
          "[label]") {
  for (const int status : {400, 422}) {
    const StubServer server([&](const auto& request, httplib::Response& response, int) {
      const bool as_json = request.body.find("response_format") != std::string::npos;
      response.status = as_json ? status : 200;
      response.set_content(as_json ? R"({"error":"unknown field response_format"})"
                                   : chat_answer("These are two red bell peppers."),
                           "application/json");
    });
    const ClassLabel found = ask(settings_for(server.url()));
    CHECK(found.label == "bell pepper");
    CHECK(found.phrase == "all bell peppers");
    REQUIRE(server.requests().size() == 2);
    const auto body = nlohmann::json::parse(server.requests()[1].body);
    CHECK(body["messages"][0]["content"].size() == 2);  // the prompt and the picture alone
  }
}

TEST_CASE("ClassLabelExtractor: 400 for words too is an error, and reference rules ask for no more",
          "[label][errors]") {
  const StubServer server(always(400, R"({"error":"no such model"})"));
  LabelSettings settings = settings_for(server.url());
  CHECK_THAT(failure_of(settings), ContainsSubstring("status 400 \"no such model\""));
  REQUIRE(server.requests().size() == 2);
  CHECK(server.requests()[1].body.find("response_format") == std::string::npos);
  settings.rules = Rules::reference;
  failure_of(settings);
  REQUIRE(server.requests().size() == 3);
  CHECK(server.requests()[2].body.find("response_format") == std::string::npos);
}

namespace {

// A server that refuses a request for as long as it has what `refuses` finds in it.
StubServer::Handler refusing(int status,
                             const std::function<std::string(const nlohmann::json&)>& refuses) {
  return [=](const httplib::Request& request, httplib::Response& response, int) {
    const std::string why = refuses(nlohmann::json::parse(request.body));
    response.status = why.empty() ? 200 : status;
    response.set_content(why.empty() ? chat_answer("These are two red bell peppers.") : why,
                         "application/json");
  };
}

std::string openai_error(const std::string& message, const nlohmann::json& param = nullptr) {
  return nlohmann::json{{"error", {{"message", message}, {"param", param}}}}.dump();
}

// As the newer models of OpenAI: one complaint a request.
std::string newer_model(const nlohmann::json& body) {
  if (body.contains("max_tokens"))
    return openai_error(
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
        "'max_completion_tokens' instead.");
  if (body.contains("temperature") && body["temperature"] != 1)
    return openai_error(
        "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default "
        "(1) value is supported.");
  return "";
}

}  // namespace

TEST_CASE("ClassLabelExtractor: a refused parameter is left out, and remembered", "[label]") {
  for (const Rules rules : {Rules::paper, Rules::reference}) {
    const StubServer server(refusing(400, newer_model));
    LabelSettings settings = settings_for(server.url());
    settings.rules = rules;
    settings.max_tokens = 77;
    const ClassLabelExtractor extractor(settings);
    const cv::Mat picture = support_picture(), mask = support_mask();
    const auto extract = [&](const ClassLabelExtractor& with) {
      return with.extract(ImageView::of_rgb(picture), MaskView(mask)).answer;
    };
    CHECK(extract(extractor) == "These are two red bell peppers.");
    REQUIRE(server.requests().size() == 3);
    const auto last = nlohmann::json::parse(server.requests().back().body);
    CHECK(last["max_completion_tokens"] == 77);
    CHECK_FALSE(last.contains("max_tokens"));
    CHECK_FALSE(last.contains("temperature"));
    CHECK(last.contains("response_format") == (rules == Rules::paper));  // was not refused
    extract(extractor);
    extract(ClassLabelExtractor(extractor));  // copies know it, too
    CHECK(server.requests().size() == 5);
    CHECK(server.requests().back().body == server.requests()[2].body);
    extract(ClassLabelExtractor(settings));
    CHECK(server.requests().size() == 8);
  }
}

TEST_CASE("ClassLabelExtractor: finds the refused parameter in what servers say", "[label]") {
  using nlohmann::json;
  struct Case {
    const char* refused;
    std::string complaint;
  };
  const Case cases[] = {
      {"max_tokens", openai_error("Not with this model: use another limit", "max_tokens")},
      {"max_tokens", R"({"error":"max_tokens: Extra inputs are not permitted"})"},
      {"max_tokens", R"({"detail":[{"loc":["body","max_tokens"],"msg":"extra_forbidden"}]})"},
      {"max_tokens", R"({"object":"error","message":"unknown field `max_tokens`"})"},
      {"temperature", openai_error("`temperature` is deprecated for this model.")},
      {"temperature", openai_error("max_tokens_limit: set temperature to 1", "temperature")},
      {"response_format", openai_error("json_schema is not known", "response_format.type")},
      {"response_format", openai_error("response_format is not there, temperature is")},
      {"response_format", "Bad Request"}};
  for (const int status : {400, 422})
    for (const auto& [refused, complaint] : cases) {
      INFO(refused << " " << complaint);
      const StubServer server(refusing(status, [name = refused, why = complaint](const json& body) {
        return body.contains(name) ? why : "";
      }));
      CHECK(ask(settings_for(server.url())).label == "bell pepper");
      REQUIRE(server.requests().size() == 2);
      const auto body = json::parse(server.requests().back().body);
      for (const char* const name : {"max_tokens", "temperature", "response_format"})
        CHECK(body.contains(name) == (std::string(name) != refused));
    }
}

TEST_CASE(
    "ClassLabelExtractor: a server that refuses every limit, temperature and format is asked "
    "without any",
    "[label]") {
  const StubServer server(refusing(400, [](const nlohmann::json& body) -> std::string {
    for (const char* const name :
         {"temperature", "max_completion_tokens", "response_format", "max_tokens"})
      if (body.contains(name)) return openai_error(std::string("unknown: ") + name, name);
    return "";
  }));
  CHECK(ask(settings_for(server.url())).label == "bell pepper");
  REQUIRE(server.requests().size() == 5);
  const auto body = nlohmann::json::parse(server.requests().back().body);
  CHECK(body.size() == 2);  // messages and stream
}

TEST_CASE("ClassLabelExtractor: a server that names a parameter for ever is an error in the end",
          "[label][errors]") {
  const StubServer server(always(400, openai_error("temperature, max_tokens: \nnot like this")));
  const std::string message = failure_of(settings_for(server.url()));
  CHECK_THAT(message, ContainsSubstring("status 400 \"temperature, max_tokens:  not like this\""));
  CHECK(server.requests().size() == 4);
  const StubServer of_another(always(400, openai_error("temperature of the image", "messages")));
  LabelSettings settings = settings_for(of_another.url());
  settings.rules = Rules::reference;
  CHECK_THAT(failure_of(settings), ContainsSubstring("status 400 \"temperature of the image\""));
  CHECK(of_another.requests().size() == 1);
}

TEST_CASE("ClassLabelExtractor: what was left out in vain is sent again", "[label][errors]") {
  const StubServer server([](const auto&, httplib::Response& response, int number) {
    response.status = number <= 2 ? 400 : 200;
    response.set_content(number == 1   ? openai_error("temperature")
                         : number == 2 ? openai_error("no such model")
                                       : chat_answer("potato"),
                         "application/json");
  });
  LabelSettings settings = settings_for(server.url());
  settings.rules = Rules::reference;
  const ClassLabelExtractor extractor(settings);
  const cv::Mat picture = support_picture(), mask = support_mask();
  CHECK_THROWS_AS(extractor.extract(ImageView::of_rgb(picture), MaskView(mask)), NoAnswer);
  CHECK(extractor.extract(ImageView::of_rgb(picture), MaskView(mask)).label == "potato");
  CHECK(server.requests().back().body == server.requests().front().body);
}

TEST_CASE("ClassLabelExtractor: other statuses that name a parameter are errors",
          "[label][errors]") {
  for (const int status : {401, 404, 409}) {
    const StubServer server(always(status, openai_error("temperature", "temperature")));
    failure_of(settings_for(server.url()));
    CHECK(server.requests().size() == 1);
  }
}

TEST_CASE("ClassLabelExtractor: the label is of the reply, whatever the reasoning before it says",
          "[label]") {
  for (const char* const answer :
       {"The image shows a stone? No.\n</think>\n\nIt is a potato.",
        "<THINKING>{\"singular\": \"stone\"}</THINKING>{\"singular\": \"potato\"}",
        "{\"singular\": \"stone\"}</think>```json\n{\"singular\": \"potato\"}\n```",
        "<|channel|>analysis<|message|>A stone.<|end|><|start|>assistant<|channel|>final "
        "<|constrain|>json<|message|>{\"singular\": \"potato\"}<|return|>"}) {
    INFO(answer);
    const StubServer server(always(200, chat_answer(answer)));
    const ClassLabel found = ask(settings_for(server.url()));
    CHECK(found.label == "potato");
    CHECK(found.answer == answer);
  }
}

TEST_CASE("ClassLabelExtractor: reasoning that no reply follows is an error that says so",
          "[label][errors]") {
  for (const Rules rules : {Rules::paper, Rules::reference})
    for (const char* const answer :
         {"<think>The image shows a stone.", "A stone.</think>\n", "<think>A stone</think>",
          "<|channel|>analysis<|message|>{\"singular\": \"stone\"}"}) {
      INFO(answer);
      const StubServer server(always(200, chat_answer(answer)));
      LabelSettings settings = settings_for(server.url());
      settings.rules = rules;
      const std::string message = failure_of(settings);
      CHECK_THAT(message, ContainsSubstring("reasoning without a reply"));
      CHECK_THAT(message, ContainsSubstring("max_tokens is 512"));
      CHECK(server.requests().size() == 1);
    }
}

TEST_CASE("ClassLabelExtractor: waits as long as Retry-After asks, within the time limit",
          "[label][errors]") {
  const StubServer server([](const auto&, httplib::Response& response, int number) {
    response.status = number == 1 ? 429 : 200;
    response.set_header("Retry-After", "1");
    response.set_content(chat_answer("potato"), "application/json");
  });
  CHECK(seconds_of([&] { ask(settings_for(server.url())); }) >= 1);

  const StubServer later([](const auto&, httplib::Response& response, int) {
    response.status = 429;
    response.set_header("Retry-After", "Fri, 31 Dec 2100 23:59:59 GMT");
  });
  CHECK_THAT(failure_of(settings_for(later.url())),
             ContainsSubstring("beyond the time limit of 20 s"));
  CHECK(later.requests().size() == 1);
}

TEST_CASE("ClassLabelExtractor: answers that are no chat answers are errors", "[label][errors]") {
  CHECK_THAT(answering("<html>hello</html>"), ContainsSubstring("\"<html>hello</html>\""));
  CHECK_THAT(answering(""), ContainsSubstring("answered nothing"));
  for (const char* const body :
       {"{}", "[]", "null", "\xff\xfe", R"({"choices":[]})", R"({"choices":{}})",
        R"({"choices":[1]})", R"({"choices":[{"message":"potato"}]})"})
    CHECK_THAT(answering(body), ContainsSubstring("choices[0].message.content"));
  CHECK_THAT(answering(std::string(100000, '[')), ContainsSubstring("choices[0].message.content"));
}

TEST_CASE("ClassLabelExtractor: answers without a noun are errors", "[label][errors]") {
  for (const char* const text : {"", " \n", "..."}) answering(chat_answer(text));
  CHECK_THAT(answering(R"({"choices":[{"finish_reason":"length","message":{"content":null}}]})"),
             ContainsSubstring("without a word"));
  CHECK_THAT(answering(chat_answer("I'm sorry, I cannot see the image.")),
             ContainsSubstring("\"I'm sorry, I cannot see the image.\""));
}

TEST_CASE("ClassLabelExtractor: 10 MB of answer are refused after the first", "[label][errors]") {
  std::atomic<std::size_t> sent{0};
  const StubServer server([&](const auto&, httplib::Response& response, int) {
    response.set_content_provider(10'000'000, "application/json",
                                  [&](std::size_t, std::size_t length, httplib::DataSink& sink) {
                                    const std::string part(std::min<std::size_t>(length, 16384),
                                                           'x');
                                    sent += part.size();
                                    return sink.write(part.data(), part.size());
                                  });
  });
  CHECK_THAT(failure_of(settings_for(server.url())), ContainsSubstring("more than 1048576 bytes"));
  CHECK(sent < 9'000'000);  // beyond the limit there is only what the sockets hold
}

TEST_CASE("ClassLabelExtractor: silence, a slow drip and a full queue end at the time limit",
          "[label][errors]") {
  const auto limited = [](const std::string& url) {
    LabelSettings settings = settings_for(url);
    settings.timeout = 0.4;
    std::string message;
    CHECK(seconds_of([&] { message = failure_of(settings); }) < 5);
    CHECK_THAT(message, ContainsSubstring("no complete answer within 0.4 s"));
  };
  const auto drip = [](const std::string& head) {
    return [head](int socket) {
      RawServer::say(socket, head);
      while (RawServer::say(socket, "x"))
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    };
  };
  {
    const RawServer server(RawServer::listen_on);
    limited(server.url());
  }
  {
    const RawServer server(drip("HTTP/1.1 200 OK\r\nX: "));
    limited(server.url());
  }
  {
    const RawServer server(drip("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"));
    limited(server.url());
  }
  {
    const RawServer server(drip("HTTP/1.1 200 "));
    limited(server.url());
  }
}

TEST_CASE("ClassLabelExtractor: a server that speaks no HTTP is an error", "[label][errors]") {
  const RawServer server([](int socket) { RawServer::say(socket, "220 mail.example ESMTP\r\n"); });
  CHECK_THAT(failure_of(settings_for(server.url())), ContainsSubstring("is not HTTP"));
}

TEST_CASE("ClassLabelExtractor: a connection that is never accepted ends at the time limit",
          "[label][errors]") {
  const RawServer server(nullptr);
  std::vector<int> waiting;  // fill its queue
  for (int i = 0; i < 3; ++i) {
    waiting.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(server.port()));
    (void)::connect(waiting.back(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  LabelSettings settings = settings_for(server.url());
  settings.timeout = 0.4;
  CHECK(seconds_of([&] { failure_of(settings); }) < 5);
  for (const int socket : waiting) ::close(socket);
}

TEST_CASE("ClassLabelExtractor: refused and broken connections are tried again, then errors",
          "[label][errors]") {
  std::string closed;
  {
    const StubServer server(always(200, ""));
    closed = server.url();
  }
  CHECK_THAT(failure_of(settings_for(closed)),
             ContainsSubstring("no connection could be made (3 tries)"));
  std::atomic<int> connections{0};
  const RawServer breaks([&](int) { ++connections; });
  CHECK_THAT(failure_of(settings_for(breaks.url())), ContainsSubstring("broke"));
  CHECK(connections == 3);
}

TEST_CASE("ClassLabelExtractor: a host that does not exist is an error", "[label][errors]") {
  LabelSettings settings = settings_for("http://no-such-host.invalid");
  settings.timeout = 1;  // a name server that does not answer ends there
  failure_of(settings);
}

TEST_CASE("ClassLabelExtractor: a name server that does not answer is not waited for",
          "[label][errors]") {
  LabelSettings settings = settings_for(std::string("http://") + silent_name);
  settings.timeout = 0.4;
  std::string message;
  CHECK(seconds_of([&] { message = failure_of(settings); }) < silence.count() / 2);
  CHECK_THAT(message, ContainsSubstring("no complete answer within 0.4 s"));
  const cv::Mat picture = support_picture(), mask = support_mask();
  const ClassLabelExtractor extractor(settings_for(settings.endpoint));
  const auto stop = [asked = 0]() mutable { return ++asked > 2; };
  CHECK(seconds_of([&] {
          CHECK_THROWS_AS(extractor.extract(ImageView::of_rgb(picture), MaskView(mask), stop),
                          Cancelled);
        }) < silence.count() / 2);
  std::this_thread::sleep_for(silence);  // the resolver's threads end before the program does
}

TEST_CASE("ClassLabelExtractor: proxies that the environment names are not used", "[label]") {
  const StubServer server(always(200, chat_answer("potato")));
  for (const char* const name : {"http_proxy", "all_proxy", "ALL_PROXY"})
    ::setenv(name, "http://127.0.0.1:1", 1);
  CHECK(ask(settings_for(server.url())).label == "potato");
  for (const char* const name : {"http_proxy", "all_proxy", "ALL_PROXY"}) ::unsetenv(name);
}

TEST_CASE("ClassLabelExtractor: redirects are not followed", "[label][errors]") {
  const StubServer target(always(200, chat_answer("potato")));
  const StubServer server([&](const auto&, httplib::Response& response, int) {
    response.set_redirect(target.url() + "/v1?token=abc", 307);
  });
  const std::string message = failure_of(settings_for(server.url()));
  CHECK_THAT(message, ContainsSubstring("status 307, a redirect to \"" + target.url() + "/v1\""));
  CHECK(target.requests().empty());
}

TEST_CASE("ClassLabelExtractor: the key goes into the header and into nothing else",
          "[label][errors]") {
  ::setenv("PERSENSE_TEST_KEY", key, 1);
  const auto with_key = [](const StubServer& server) {
    LabelSettings settings = settings_for(server.url());
    settings.key_variable = "PERSENSE_TEST_KEY";
    return settings;
  };
  const StubServer good(always(200, chat_answer("potato")));
  ask(with_key(good));
  CHECK(good.requests().front().get_header_value("Authorization") == std::string("Bearer ") + key);
  CHECK(good.requests().front().body.find(key) == std::string::npos);

  // servers that repeat it: whole, in JSON, in part, as a redirect, as the label
  const auto check_hidden = [&](const StubServer::Handler& handler) {
    const StubServer server(handler);
    const std::string message = failure_of(with_key(server));
    CHECK(message.find("very-secret") == std::string::npos);
    CHECK(message.find("0123456789") == std::string::npos);
  };
  check_hidden([](const httplib::Request& request, httplib::Response& response, int) {
    response.status = 401;
    response.set_content("no: " + request.get_header_value("Authorization"), "text/plain");
  });
  check_hidden([](const httplib::Request& request, httplib::Response& response, int) {
    response.status = 401;
    response.set_content(
        nlohmann::json{{"error", {{"message", request.get_header_value("Authorization")}}}}.dump(),
        "application/json");
  });
  check_hidden(always(500, "Incorrect key sk-very-secret-..., or ...-0123456789"));
  check_hidden(always(200, std::string(150, 'x') + key));
  check_hidden([](const httplib::Request& request, httplib::Response& response, int) {
    response.set_redirect("http://127.0.0.1/" +
                          request.get_header_value("Authorization").substr(7));
  });
  ::unsetenv("PERSENSE_TEST_KEY");
}

TEST_CASE("ClassLabelExtractor: a key variable that is not set or no key is named",
          "[label][errors]") {
  LabelSettings settings = settings_for("http://127.0.0.1:9");
  settings.key_variable = "PERSENSE_TEST_NO_KEY";
  ::unsetenv("PERSENSE_TEST_NO_KEY");
  CHECK_THAT(message_of<InvalidArgument>([&] { ask(settings); }),
             ContainsSubstring("\"PERSENSE_TEST_NO_KEY\" is not set"));
  ::setenv("PERSENSE_TEST_NO_KEY", "sk-secret\r\nX: injected", 1);
  const std::string message = message_of<InvalidArgument>([&] { ask(settings); });
  CHECK_THAT(message, ContainsSubstring("white space"));
  CHECK(message.find("secret") == std::string::npos);
  ::unsetenv("PERSENSE_TEST_NO_KEY");
}

TEST_CASE("ClassLabelExtractor: endpoints that are no such URLs are refused", "[label][errors]") {
  for (const char* const url :
       {"", "localhost", "localhost:8080", "ftp://host", "http://", "http://:80", "http://host:0",
        "http://host:65536", "http://host:8x", "http://host:-1", "http://a b", "http://[::1",
        "http://[::1]x", "file:///etc/passwd", "http://h\xc3\xb6st"}) {
    INFO(url);
    const auto message =
        message_of<InvalidArgument>([&] { ClassLabelExtractor{settings_for(url)}; });
    CHECK_THAT(message, Catch::Matchers::StartsWith("label endpoint "));
    CHECK_THAT(message, ContainsSubstring("expected http://HOST"));
  }
  for (const char* const url :
       {"http://user:hunter2@host/v1", "user:hunter2@host", "ftp://x:hunter2@h"}) {
    const auto message =
        message_of<InvalidArgument>([&] { ClassLabelExtractor{settings_for(url)}; });
    CHECK_THAT(message, ContainsSubstring("user name or password"));
    CHECK(message.find("hunter2") == std::string::npos);
  }
  CHECK(ClassLabelExtractor(settings_for("HTTP://[::1]:8080/v1?key=abc")).shown_endpoint() ==
        "http://[::1]:8080/v1/chat/completions?...");
}

TEST_CASE("ClassLabelExtractor: settings out of their range are refused", "[label][errors]") {
  const auto refused = [](auto change) {
    LabelSettings settings = settings_for("http://localhost");
    change(settings);
    CHECK_THROWS_AS(ClassLabelExtractor(settings), InvalidArgument);
  };
  refused([](LabelSettings& s) { s.prompt.clear(); });
  refused([](LabelSettings& s) { s.temperature = -0.1; });
  refused([](LabelSettings& s) { s.temperature = std::nan(""); });
  refused([](LabelSettings& s) { s.timeout = 0; });
  refused([](LabelSettings& s) { s.retries = -1; });
  refused([](LabelSettings& s) { s.backoff = -1; });
  refused([](LabelSettings& s) { s.max_tokens = 0; });
}

TEST_CASE("ClassLabelExtractor: the caller ends the wait for an answer or for the next try",
          "[label]") {
  const cv::Mat picture = support_picture(), mask = support_mask();
  const auto cancelled = [&](LabelSettings settings) {
    int asked = 0;
    const ClassLabelExtractor extractor(std::move(settings));
    const auto stop = [&] { return ++asked > 3; };
    CHECK(seconds_of([&] {
            CHECK_THROWS_AS(extractor.extract(ImageView::of_rgb(picture), MaskView(mask), stop),
                            Cancelled);
          }) < 5);
  };
  const RawServer silent(RawServer::listen_on);
  cancelled(settings_for(silent.url()));
  const StubServer busy(always(503, ""));
  LabelSettings settings = settings_for(busy.url());
  settings.backoff = 10;
  cancelled(settings);

  const ClassLabelExtractor extractor(settings_for(silent.url()));
  CHECK_THROWS_AS(extractor.extract(ImageView::of_rgb(picture), MaskView(mask),
                                    []() -> bool { throw std::runtime_error("Ctrl-C"); }),
                  std::runtime_error);
}

TEST_CASE("ClassLabelExtractor: threads may ask one at once", "[label]") {
  const StubServer server(always(200, chat_answer("potato")));
  const ClassLabelExtractor extractor(settings_for(server.url()));
  const cv::Mat picture = support_picture(), mask = support_mask();
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      right += extractor.extract(ImageView::of_rgb(picture), MaskView(mask)).label == "potato";
    });
  for (auto& thread : threads) thread.join();
  CHECK(right == 4);
}

#ifdef CPPHTTPLIB_OPENSSL_SUPPORT

namespace {

// A certificate that signs itself, for one host or address, made by the program openssl.
struct Certificate {
  explicit Certificate(const std::string& subject) {
    std::string name = (std::filesystem::temp_directory_path() / "persense-tls-XXXXXX").string();
    folder = ::mkdtemp(name.data());
    const std::string made =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
        "-days 2 -subj /CN=test -addext subjectAltName=" +
        subject + " -keyout " + key_file() + " -out " + file() + " 2>/dev/null";
    there = std::system(made.c_str()) == 0;
  }
  ~Certificate() { std::filesystem::remove_all(folder); }
  std::string file() const { return folder / "certificate.pem"; }
  std::string key_file() const { return folder / "key.pem"; }

  std::filesystem::path folder;
  bool there = false;
};

StubServer secure_server(const Certificate& certificate) {
  return StubServer(always(200, chat_answer("potato")),
                    std::make_unique<httplib::SSLServer>(certificate.file().c_str(),
                                                         certificate.key_file().c_str()));
}

}  // namespace

TEST_CASE("ClassLabelExtractor: https needs a certificate that is trusted and for this host",
          "[label][errors]") {
  const Certificate right("IP:127.0.0.1"), wrong("DNS:elsewhere.example");
  if (!right.there || !wrong.there) SKIP("the program openssl made no certificate");
  const StubServer server = secure_server(right), other = secure_server(wrong);

  LabelSettings settings = settings_for(server.url("https"));
  CHECK_THAT(failure_of(settings), ContainsSubstring("certificate is not trusted"));
  CHECK(server.requests().empty());
  settings.ca_bundle = right.file();
  CHECK(ask(settings).label == "potato");

  settings = settings_for(other.url("https"));
  settings.ca_bundle = wrong.file();
  CHECK_THAT(failure_of(settings), ContainsSubstring("not for this host"));
  CHECK(other.requests().empty());
  settings.ca_bundle = "/no/such.pem";
  CHECK_THAT(failure_of(settings), ContainsSubstring("/no/such.pem"));
}

TEST_CASE("ClassLabelExtractor: https with a server of plain http is an error", "[label][errors]") {
  const StubServer server(always(200, chat_answer("potato")));
  LabelSettings settings = settings_for(server.url("https"));
  settings.timeout = 8;
  failure_of(settings);
}

#endif
#endif
