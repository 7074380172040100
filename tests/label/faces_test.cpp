// The program and the C ABI with a label endpoint: the same answers, errors and silence about keys.
#include "catch.hpp"

#if PERSENSE_HTTP

#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>

#include "cli/workspace.hpp"
#include "persense.h"
#include "persense/label/extractor.hpp"
#include "stub_server.hpp"

using namespace persense::test;
using Catch::Matchers::ContainsSubstring;
using persense::testing::chat_answer;
using persense::testing::RawServer;
using persense::testing::StubServer;

namespace {

constexpr const char* key = "sk-very-secret-0123456789";

StubServer::Handler always(int status, const std::string& body) {
  return [status, body](const httplib::Request&, httplib::Response& response, int) {
    response.status = status;
    response.set_content(body, "application/json");
  };
}

std::string category_in(const Workspace& work, const std::string& folder) {
  return nlohmann::json::parse(
      read_text(work / (folder + "/instances.json")))["categories"][0]["name"];
}

}  // namespace

TEST_CASE("persense segment: --label-endpoint names the COCO category", "[cli]") {
  const Workspace work;
  work.save("q.png", discs(3, 2));
  const StubServer server(always(200, chat_answer("These are two white discs, on black.")));
  const Outcome run = work.segment("q.png -o out --coco --label-endpoint " + server.url() +
                                   " --label-model vip --label-max-tokens 900");
  INFO(run.err);
  CHECK(run.exit == 0);
  CHECK_THAT(run.err, ContainsSubstring("persense: note: label: disc (all discs)"));
  CHECK(category_in(work, "out") == "disc");
  const auto body = nlohmann::json::parse(server.requests().front().body);
  CHECK(body["model"] == "vip");
  CHECK(body["max_tokens"] == 900);
}

TEST_CASE("persense segment: --resume keeps the label and does not ask again", "[cli]") {
  const Workspace work;
  for (const char* const name : {"q/0.png", "q/1.png"}) work.save(name, discs(3, 2));
  const StubServer server([](const auto&, httplib::Response& response, int number) {
    response.set_content(chat_answer(number == 1 ? "a disc" : "a coin"), "application/json");
  });
  const std::string arguments = "q -o out --coco --label-endpoint " + server.url();
  CHECK(work.segment(arguments).exit == 0);
  fs::remove(work / "out/.persense-run/1.json");
  CHECK(work.segment(arguments + " --resume").exit == 0);
  CHECK(server.requests().size() == 1);
  CHECK(category_in(work, "out") == "disc");
  const Outcome other = work.segment(arguments + " --resume --label-prompt 'What is it?'");
  CHECK(other.exit == 2);
  CHECK_THAT(other.err, ContainsSubstring("label"));
}

TEST_CASE("persense segment: the plural that a model gave is kept on --resume", "[cli]") {
  const Workspace work;
  for (const char* const name : {"q/0.png", "q/1.png"}) work.save(name, discs(3, 2));
  const StubServer server(always(200, chat_answer(R"({"singular": "disc", "plural": "disci"})")));
  const std::string arguments = "q -o out --coco --label-endpoint " + server.url();
  CHECK_THAT(work.segment(arguments).err, ContainsSubstring("label: disc (all disci)"));
  CHECK_THAT(read_text(work / "out/.persense-run/record.jsonl"),
             ContainsSubstring(R"("phrase":"all disci")"));
  CHECK(work.segment(arguments + " --resume").exit == 0);
  CHECK(server.requests().size() == 1);
}

TEST_CASE("persense segment: a label endpoint that fails ends the run in one line",
          "[cli][errors]") {
  const Workspace work;
  work.save("q.png", discs(3, 2));
  const StubServer server(always(404, "no such path"));
  const Outcome run = work.segment("q.png -o out --label-endpoint " + server.url());
  INFO(run.err);
  CHECK(run.exit == 3);
  CHECK(run.lines() == 1);
  CHECK_THAT(run.err, ContainsSubstring(server.url() + "/v1/chat/completions: answered with status "
                                                       "404 \"no such path\""));
  CHECK_THAT(run.err, ContainsSubstring("--label"));
  CHECK(work.files("out").empty());
  CHECK(work.segment("q.png -o out --label a --label-endpoint " + server.url()).exit == 2);
  CHECK(work.segment("q.png -o out --label-model a").exit == 2);
  CHECK(work.segment("q.png -o out --label-endpoint ftp://host").exit == 2);
}

TEST_CASE("persense segment: the key is in no output, file or message", "[cli][errors]") {
  const Workspace work;
  work.save("q.png", discs(3, 2));
  const StubServer echo(
      [](const httplib::Request& request, httplib::Response& response, int number) {
        const std::string header = request.get_header_value("Authorization");
        response.status = number == 1 ? 200 : 401;
        response.set_content(number == 1 ? chat_answer("a disc (" + header + ")") : header,
                             "application/json");
      });
  const std::string command =
      "PERSENSE_TEST_KEY=" + std::string(key) +
      " \"$P\" segment --support support.png --mask mask.png --models classic "
      "q.png -o out --coco --csv --label-key-env PERSENSE_TEST_KEY "
      "--label-endpoint " +
      echo.url();
  const Outcome good = work.shell(command), refused = work.shell(command);
  INFO(good.err << refused.err);
  CHECK(good.exit == 0);
  CHECK(refused.exit == 3);
  CHECK(echo.requests().front().get_header_value("Authorization") == std::string("Bearer ") + key);
  for (const auto& text : {good.out, good.err, refused.out, refused.err})
    CHECK(text.find("very-secret") == std::string::npos);
  for (const auto& [name, text] : work.files("out")) {
    INFO(name);
    CHECK(text.find("very-secret") == std::string::npos);
  }
}

TEST_CASE("persense segment: Ctrl-C ends the wait for a label", "[cli]") {
  const Workspace work;
  work.save("q.png", discs(3, 2));
  const RawServer silent([&](int socket) {
    char byte = 0;
    ::recv(socket, &byte, 1, 0);  // it asks, so it waits
    ::kill(std::stoi(read_text(work / "pid")),
           SIGTERM);  // shells have background jobs ignore SIGINT
    RawServer::listen_on(socket);
  });
  const Outcome run = work.shell(
      "\"$P\" segment --support support.png --mask mask.png --models classic q.png -o out "
      "--label-endpoint " +
      silent.url() + " & echo $! >pid; wait $!");
  INFO(run.err);
  CHECK(run.exit == 130);
  CHECK_THAT(run.err, ContainsSubstring("interrupted"));
}

TEST_CASE("persense_label_extract: gives what the C++ library gives", "[capi]") {
  CHECK(persense_has_label_extraction() == 1);
  const cv::Mat picture = discs(3, 2), mask = disc_mask(picture);
  const persense_image image{picture.data, picture.cols, picture.rows, 0, PERSENSE_RGB8};
  const persense_image bits{mask.data, mask.cols, mask.rows, 0, PERSENSE_GRAY8};
  const StubServer server(always(200, chat_answer("Two knives.")));
  const std::string url = server.url();
  persense_label_options options;
  persense_label_options_init(&options, sizeof options);
  options.endpoint = url.c_str();
  options.temperature = -1;
  persense_label* label = nullptr;
  REQUIRE(persense_label_extract(&image, &bits, &options, &label) == PERSENSE_OK);
  const persense_label_info* info = persense_label_get_info(label);
  CHECK(std::string(info->label) == "knife");
  CHECK(std::string(info->phrase) == "all knives");
  CHECK(std::string(info->answer) == "Two knives.");
  persense_label_free(label);
  persense::LabelSettings settings;
  settings.endpoint = url;
  settings.temperature = 0;
  persense::ClassLabelExtractor(settings).extract(persense::ImageView::of_rgb(picture),
                                                  persense::MaskView(mask));
  const auto requests = server.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].body == requests[1].body);
}

TEST_CASE("persense_support_create_named: takes the label and plural that a model gave", "[capi]") {
  const cv::Mat picture = discs(3, 2), mask = disc_mask(picture);
  const persense_image image{picture.data, picture.cols, picture.rows, 0, PERSENSE_RGB8};
  const persense_image bits{mask.data, mask.cols, mask.rows, 0, PERSENSE_GRAY8};
  const StubServer server(always(200, chat_answer(R"({"singular": "genius", "plural": "genii"})")));
  const std::string url = server.url();
  persense_label_options options;
  persense_label_options_init(&options, sizeof options);
  options.endpoint = url.c_str();
  persense_label* label = nullptr;
  REQUIRE(persense_label_extract(&image, &bits, &options, &label) == PERSENSE_OK);
  persense_pipeline_options classic;
  persense_pipeline_options_init(&classic, sizeof classic);
  classic.models = "classic";
  persense_pipeline* pipeline = nullptr;
  REQUIRE(persense_pipeline_create(&classic, &pipeline) == PERSENSE_OK);
  persense_example example;
  persense_example_init(&example, sizeof example);
  example.image = &image;
  example.kind = PERSENSE_MARK_MASK;
  example.mask = &bits;
  persense_support* support = nullptr;
  REQUIRE(persense_support_create_named(pipeline, &example, 1, label, &support) == PERSENSE_OK);
  CHECK(std::string(persense_support_get_info(support)->label) == "genius");
  CHECK(std::string(persense_support_get_info(support)->phrase) == "all genii");
  persense_support* none = nullptr;
  CHECK(persense_support_create_named(pipeline, &example, 1, nullptr, &none) ==
        PERSENSE_INVALID_ARGUMENT);
  persense_support_free(support);
  persense_pipeline_free(pipeline);
  persense_label_free(label);
}

TEST_CASE("persense_label_extract: whatever is wrong gives a status and one line",
          "[capi][errors]") {
  const cv::Mat picture = discs(3, 2), mask = disc_mask(picture);
  const persense_image image{picture.data, picture.cols, picture.rows, 0, PERSENSE_RGB8};
  const persense_image bits{mask.data, mask.cols, mask.rows, 0, PERSENSE_GRAY8};
  persense_label_options options;
  persense_label_options_init(&options, sizeof options);
  auto* label = reinterpret_cast<persense_label*>(&options);
  const auto status_of = [&](const char* culprit) {
    const persense_status status = persense_label_extract(&image, &bits, &options, &label);
    CHECK(label == nullptr);
    CHECK_THAT(persense_last_error(), ContainsSubstring(culprit));
    CHECK(std::strchr(persense_last_error(), '\n') == nullptr);
    return status;
  };
  CHECK(status_of("label endpoint is empty") == PERSENSE_INVALID_ARGUMENT);
  options.endpoint = "http://127.0.0.1:1";
  options.retries = -1;
  CHECK(status_of("no connection could be made") == PERSENSE_UNREADABLE);
  options.rules = "none";
  CHECK(status_of("\"none\"") == PERSENSE_INVALID_ARGUMENT);
  options.rules = nullptr;
  options.timeout = -1;
  CHECK(status_of("label timeout") == PERSENSE_INVALID_ARGUMENT);
  options.timeout = 0;
  const RawServer silent(RawServer::listen_on);
  const std::string url = silent.url();
  options.endpoint = url.c_str();
  options.should_stop = [](void* user) -> std::int32_t { return ++*static_cast<int*>(user) > 2; };
  int asked = 0;
  options.user = &asked;
  CHECK(status_of("interrupted") == PERSENSE_CANCELLED);
  CHECK(persense_label_extract(nullptr, &bits, &options, &label) == PERSENSE_INVALID_ARGUMENT);
  CHECK(persense_label_extract(&image, nullptr, &options, &label) == PERSENSE_INVALID_ARGUMENT);
  CHECK(persense_label_extract(&image, &bits, nullptr, &label) == PERSENSE_INVALID_ARGUMENT);
  CHECK(persense_label_extract(&image, &bits, &options, nullptr) == PERSENSE_INVALID_ARGUMENT);
  options.struct_size = 3;
  CHECK(persense_label_extract(&image, &bits, &options, &label) == PERSENSE_INVALID_ARGUMENT);
  CHECK(persense_label_get_info(nullptr) == nullptr);
  persense_label_free(nullptr);
}

#endif
