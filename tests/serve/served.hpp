// A server on the loopback, for one test.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "../../src/serve/server.hpp"
#include "io/scratch.hpp"
#include "persense/io/images.hpp"

// after Eigen: it brings a macro that is the name of an argument there
#include <httplib.h>

namespace persense::testing {

using Json = nlohmann::json;

/// Twelve discs in four columns and three rows.
inline cv::Mat discs() {
  cv::Mat image(240, 320, CV_8UC3, cv::Scalar(40, 90, 50));
  for (int row = 0; row < 3; ++row)
    for (int column = 0; column < 4; ++column)
      cv::circle(image, {40 + 80 * column, 40 + 80 * row}, 18, cv::Scalar(220, 170, 60), -1);
  return image;
}

/// A server on a port of its own, over two images in a folder of its own.
class Served {
 public:
  explicit Served(serve::ServerOptions options = {}) : Served(options, {}) {}

  /// @param show  makes the server's own supports.
  Served(serve::ServerOptions options,
         const std::function<serve::OwnSupports(const Engine&)>& show) {
    options.port = 0;
    options.folders.push_back(folder_.path());
    if (show) options.supports = show(engine_);
    for (const char* name : {"a.png", "b.png"}) {
      io::write_png(folder_ / name, discs());
      options.files.push_back(folder_ / name);
    }
    server_.emplace(engine_, options);
    address_ = server_->bind();
    thread_ = std::jthread([this](const std::stop_token& stop) { server_->run(stop); });
    const auto begin = address_.rfind(':') + 1;
    port_ = std::stoi(address_.substr(begin));
    for (int i = 0; i < 200 && !client().Get("/api/state"); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }

  httplib::Client client() const {
    httplib::Client client("127.0.0.1", port_);
    client.set_read_timeout(std::chrono::seconds(60));
    return client;
  }
  Json get(const std::string& path) const { return Json::parse(client().Get(path)->body); }
  /// The answer, with its status.
  std::pair<int, Json> post(const std::string& path, const Json& body) const {
    const auto answer = client().Post(path, body.dump(), "application/json");
    return {answer->status, Json::parse(answer->body)};
  }
  /// The areas of what the page finds in an image with a mark, in pixels, in their order.
  std::vector<double> areas(const Json& mark) const {
    Json own = mark;
    own["image"] = "a.png";
    const Json found =
        post("/api/segment", {{"image", "a.png"}, {"marks", Json::array({own})}}).second;
    std::vector<double> areas;
    for (const Json& one : found["instances"]) areas.push_back(one["area"].get<double>());
    return areas;
  }
  const std::filesystem::path& folder() const { return folder_.path(); }
  const std::string& address() const { return address_; }

 private:
  test::Scratch folder_;
  Engine engine_{"classic"};
  std::optional<serve::Server> server_;
  std::string address_;
  int port_ = 0;
  std::jthread thread_;
};

}  // namespace persense::testing
