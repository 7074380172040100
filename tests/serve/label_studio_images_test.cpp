#include <atomic>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "io/base64.hpp"
#include "label/http.hpp"
#include "label_studio_requests.hpp"
#include "persense/io/images.hpp"
#include "served.hpp"

using namespace persense;
using namespace persense::testing;

namespace {

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

TEST_CASE("Label Studio: images are files below the folder, or part of the task", "[serve]") {
  const Served served;
  std::filesystem::create_directories(served.folder() / "upload/1");
  io::write_png(served.folder() / "upload/1/x y+z.png", discs());
  const std::string data =
      "data:image/png;base64," + io::detail::to_base64(io::encode_png(discs()));
  for (const std::string& photo :
       {std::string("/data/local-files/?d=a.png"),
        std::string("/data/local-files/?d=upload%2F1%2Fx+y%2Bz.png"),
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
        std::string("file:///etc/passwd"), std::string("ftp://127.0.0.1/x"), std::string("a.png")})
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
