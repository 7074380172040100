#include "server.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <httplib.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <random>
#include <string_view>
#include <thread>
#include <utility>

#include "io/base64.hpp"
#include "jobs.hpp"
#include "json.hpp"
#include "label_studio.hpp"
#include "messages.hpp"
#include "page.hpp"
#include "persense/error.hpp"
#include "persense/failure.hpp"
#include "persense/io/class_names.hpp"
#include "persense/io/coco.hpp"
#include "persense/io/geojson.hpp"
#include "persense/io/imagej.hpp"
#include "persense/io/images.hpp"
#include "persense/io/measurements.hpp"
#include "persense/io/overlay.hpp"
#include "persense/io/tables.hpp"
#include "persense/io/yolo.hpp"
#include "persense/version.hpp"
#include "task_images.hpp"
#include "tool_queries.hpp"
#include "x_anylabeling.hpp"

namespace persense::serve {

namespace {

using httplib::Request;
using httplib::Response;

constexpr double tolerance = 0.5;  // of outlines, pixels: what can be seen

void answer(Response& response, const Json& json) {
  response.set_content(persense::detail::json_text(json), "application/json");
}

void answer_png(Response& response, const std::vector<std::uint8_t>& png) {
  response.set_content(reinterpret_cast<const char*>(png.data()), png.size(), "image/png");
}

/// @throws InvalidArgument  a body that is not JSON.
Json json_in(const Request& request) {
  Json json = persense::detail::parse_json(request.body);
  if (!json.is_object()) throw InvalidArgument("request: is not the JSON that is expected");
  return json;
}

void refuse(Response& response, int status, const std::string& why) {
  response.status = status;
  answer(response, {{"error", one_line(why)}});
}

/// The status of HTTP that says the same.
int http_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::file_not_found:
      return 404;
    case ErrorCode::cancelled:
      return 409;
    case ErrorCode::out_of_memory:
    case ErrorCode::device_unavailable:
      return 503;
    case ErrorCode::unwritable:
      return 507;
    case ErrorCode::internal:
      return 500;
    default:
      return 400;
  }
}

/// @return  the line that was answered.
std::string answer_error(Response& response, const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Json::exception&) {
    const std::string line = "request: is not the JSON that is expected";
    refuse(response, 400, line);
    return line;
  } catch (...) {
    const Failure failure = describe(error);
    refuse(response, http_status(failure.code), failure.line);
    return failure.line;
  }
}

/// Without its port.
std::string host_of(const std::string& address) {
  if (address.starts_with('[')) return address.substr(1, address.find(']') - 1);
  return address.substr(0, address.find(':'));
}

/// The same time whatever the first difference, so that a token cannot be guessed by parts.
bool same_text(const std::string& a, const std::string& b) {
  unsigned different = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    different |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  return different == 0;
}

std::string cookie_in(const Request& request, const std::string& name) {
  const std::string cookies = "; " + request.get_header_value("Cookie") + ";";
  const auto at = cookies.find("; " + name + "=");
  if (at == cookies.npos) return "";
  const auto begin = at + name.size() + 3;
  return cookies.substr(begin, cookies.find(';', begin) - begin);
}

/// A bearer's token, or the password of basic authentication, as Label Studio sends it.
std::string authorization_in(const Request& request) {
  constexpr std::string_view bearer = "Bearer ", basic = "Basic ";
  const std::string given = request.get_header_value("Authorization");
  if (given.starts_with(bearer)) return given.substr(bearer.size());
  if (!given.starts_with(basic)) return "";
  const auto bytes = io::detail::from_base64(std::string_view(given).substr(basic.size()));
  if (!bytes) return "";
  const auto colon = std::find(bytes->begin(), bytes->end(), ':');
  return colon == bytes->end() ? "" : std::string(colon + 1, bytes->end());
}

/// "2026-01-31T12:00:00Z"
std::string utc_now() { return fmt::format("{:%FT%TZ}", fmt::gmtime(std::time(nullptr))); }

}  // namespace

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

std::string random_token() {
  std::random_device random;
  std::string token;
  for (int i = 0; i < 4; ++i) token += fmt::format("{:08x}", random());
  return token;
}

struct Server::State {
  State(const Engine& given, ServerOptions given_options)
      : engine(given),
        options(std::move(given_options)),
        images(engine, options.files),
        supports(engine),
        run(engine, images),
        tool_queries(engine, queries, options.supports),
        task_images(options.folders, options.label_studio_url, options.label_studio_key,
                    options.upload_limit),
        label_studio(tool_queries, task_images),
        x_anylabeling(tool_queries) {}

  const Engine& engine;
  const ServerOptions options;
  ImageStore images;
  Supports supports;
  Queries queries;
  Results results;
  FolderRun run;
  ToolQueries tool_queries;
  const TaskImages task_images;
  LabelStudio label_studio;
  XAnyLabeling x_anylabeling;
  std::stop_source stopped;
  httplib::Server http;
  int port = 0;

  bool may_ask(const Request& request, Response& response) const;
  void tell(const Request& request, const std::string& line) const;
  void add_page();
  void add_images();
  void add_segmentation();
  void add_run();
  void add_tools();
  MarkedClasses supports_in(const Json& request);
  void segment(const Json& request, Response& response);
  void export_result(const Json& request, Response& response) const;
};

/// Refuses what comes by another name (DNS rebinding), from another site's page, or without the
/// token.
bool Server::State::may_ask(const Request& request, Response& response) const {
  const std::string host = request.get_header_value("Host");
  if (is_loopback(options.host) && !is_loopback(host_of(host))) {
    refuse(response, 403, fmt::format("host: got \"{}\", expected this machine's own", host));
    return false;
  }
  const std::string origin = request.get_header_value("Origin");
  if (!origin.empty() && origin != "http://" + host && origin != "https://" + host) {
    refuse(response, 403, "origin: another site's page may not ask");
    return false;
  }
  if (options.token.empty()) return true;
  for (const std::string& given :
       {authorization_in(request), request.get_header_value("Token"),
        request.get_param_value("token"), cookie_in(request, "persense_token")})
    if (same_text(given, options.token)) return true;
  refuse(response, 401, "token: expected the one that was printed when the server started");
  return false;
}

/// The page shows its errors itself.
void Server::State::tell(const Request& request, const std::string& line) const {
  if (options.note && !request.path.starts_with("/api/"))
    options.note(one_line(fmt::format("{}: {}", request.path, line)));
}

void Server::State::add_page() {
  http.Get("/", [this](const Request& request, Response& response) {
    if (request.has_param("token"))
      response.set_header(
          "Set-Cookie", "persense_token=" + options.token + "; HttpOnly; SameSite=Strict; Path=/");
    response.set_header("Content-Security-Policy",
                        "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self' "
                        "'unsafe-inline'; img-src 'self' blob: data:; frame-ancestors 'none'");
    response.set_content(page().data(), page().size(), "text/html; charset=utf-8");
  });
  http.Get("/api/state", [this](const Request&, Response& response) {
    answer(
        response,
        {{"version", PERSENSE_VERSION}, {"stages", engine.stages()}, {"images", images.names()}});
  });
}

void Server::State::add_images() {
  http.Get("/api/image", [this](const Request& request, Response& response) {
    const auto opened = images.open(request.get_param_value("name"));
    answer_png(response, io::encode_png(opened->image.view().mat()));
  });
  http.Post("/api/upload", [this](const Request& request, Response& response) {
    answer(response, {{"name", images.add(request.get_param_value("name"), request.body)}});
  });
}

MarkedClasses Server::State::supports_in(const Json& request) {
  return supports.of(request.at("marks"),
                     [this](const std::string& name) { return images.open(name); });
}

void Server::State::segment(const Json& request, Response& response) {
  const Queries::Entry entry(queries, request.value("query", std::string()));
  const auto image = images.open(request.at("image").get<std::string>());
  const MarkedClasses classes = supports_in(request);
  RunOptions how;
  how.stop = entry.token();
  how.filter = filter_of(request, engine.options());
  Result result = engine.segment(image->encoded, classes.supports, how);
  Json found = to_json(result, tolerance);
  found["examples"] = examples_in(classes, image->image);
  found["result"] = results.add({request.at("image").get<std::string>(), image, std::move(result)});
  answer(response, found);
}

void Server::State::export_result(const Json& request, Response& response) const {
  const auto kept = results.at(request.at("result").get<std::size_t>());
  const Result result = kept_of(kept->result, request);
  const ImageView image = kept->pixels->image.view();
  const std::string format = request.at("format").get<std::string>();
  if (format == "coco") {
    response.set_content(io::to_coco(kept->image, result, coco_header(engine, result)),
                         "application/json");
  } else if (format == "csv") {
    response.set_content(io::to_csv(result), "text/csv");
  } else if (format == "measurements") {
    const auto pixel = io::parse_pixel_size(request.value("pixel_size", std::string("1")));
    response.set_content(io::measurements_to_csv(result, image, pixel), "text/csv");
  } else if (format == "yolo") {
    response.set_content(io::to_yolo(result), "text/plain");
  } else if (format == "geojson") {
    response.set_content(io::to_geojson(result), "application/geo+json");
  } else if (format == "imagej") {
    const auto zip = io::to_imagej_rois(result);
    response.set_content(reinterpret_cast<const char*>(zip.data()), zip.size(), "application/zip");
  } else if (format == "overlay") {
    answer_png(response, io::encode_png(io::render_overlay(image, result)));
  } else if (format == "labels") {
    answer_png(response, io::encode_labels_png(result));
  } else {
    throw InvalidArgument(
        fmt::format("format: got \"{}\", expected coco, csv, measurements, yolo, geojson, imagej, "
                    "overlay or labels",
                    format));
  }
}

void Server::State::add_segmentation() {
  http.Post("/api/segment", [this](const Request& request, Response& response) {
    segment(json_in(request), response);
  });
  http.Post("/api/cancel", [this](const Request& request, Response& response) {
    const Json json = json_in(request);
    answer(response, {{"cancelled", queries.cancel(json.at("query").get<std::string>())}});
  });
  http.Post("/api/export", [this](const Request& request, Response& response) {
    export_result(json_in(request), response);
  });
}

void Server::State::add_run() {
  http.Post("/api/run", [this](const Request& request, Response& response) {
    const Json json = json_in(request);
    run.start(supports_in(json), filter_of(json, engine.options()), json.value("min_score", 0.0));
    answer(response, run.progress());
  });
  http.Post("/api/run/cancel", [this](const Request&, Response& response) {
    run.cancel();
    answer(response, run.progress());
  });
  http.Get("/api/run",
           [this](const Request&, Response& response) { answer(response, run.progress()); });
  http.Get("/api/run/coco", [this](const Request&, Response& response) {
    response.set_content(run.coco(), "application/json");
  });
  http.Get("/api/run/counts", [this](const Request&, Response& response) {
    response.set_content(run.counts(), "text/csv");
  });
}

void Server::State::add_tools() {
  http.Get("/health", [](const Request&, Response& response) {
    // Label Studio looks at the status of HTTP alone, so the words are X-AnyLabeling's
    answer(response, {{"status", "healthy"}, {"models_loaded", 1}, {"timestamp", utc_now()}});
  });
  http.Post("/setup", [this](const Request& request, Response& response) {
    answer(response, label_studio.setup(json_in(request)));
  });
  http.Get("/versions", [this](const Request&, Response& response) {
    answer(response, {{"versions", {tool_queries.version()}}});
  });
  http.Post("/webhook", [](const Request&, Response& response) {
    // Label Studio tells models of every annotation, to be trained on
    answer(response, {{"message", "nothing is trained"}});
  });
  http.Post("/predict", [this](const Request& request, Response& response) {
    answer(response,
           label_studio.predict(json_in(request), [this] { return stopped.stop_requested(); }));
  });
  http.Get("/v1/models", [this](const Request&, Response& response) {
    answer(response, x_anylabeling.models());
  });
  http.Get(R"(/v1/models/([^/]+)/info)", [this](const Request& request, Response& response) {
    answer(response, x_anylabeling.model_info(request.matches[1]));
  });
  http.Post("/v1/predict", [this](const Request& request, Response& response) {
    const Json answered = x_anylabeling.predict(json_in(request));
    if (!answered["success"]) tell(request, answered["error"]["message"].get<std::string>());
    answer(response, answered);
  });
}

Server::Server(const Engine& engine, ServerOptions options)
    : state_(std::make_unique<State>(engine, std::move(options))) {
  State& state = *state_;
  state.http.set_payload_max_length(state.options.upload_limit);
  state.http.set_read_timeout(std::chrono::seconds(20));
  state.http.set_write_timeout(std::chrono::seconds(60));
  state.http.set_pre_routing_handler([&state](const Request& request, Response& response) {
    response.set_header("X-Content-Type-Options", "nosniff");
    response.set_header("Cache-Control", "no-store");
    return state.may_ask(request, response) ? httplib::Server::HandlerResponse::Unhandled
                                            : httplib::Server::HandlerResponse::Handled;
  });
  state.http.set_exception_handler(
      [&state](const Request& request, Response& response, const std::exception_ptr& error) {
        state.tell(request, answer_error(response, error));
      });
  state.http.set_error_handler([](const Request& request, Response& response) {
    if (response.body.empty())
      refuse(response, response.status,
             response.status == 413 ? "request: is too large"
                                    : fmt::format("{}: there is nothing here", request.path));
  });
  state.add_page();
  state.add_images();
  state.add_segmentation();
  state.add_run();
  state.add_tools();
}

Server::~Server() = default;

std::string Server::bind() {
  State& state = *state_;
  const std::string& host = state.options.host;
  state.port = state.options.port == 0 ? state.http.bind_to_any_port(host.c_str())
               : state.http.bind_to_port(host.c_str(), state.options.port) ? state.options.port
                                                                           : -1;
  if (state.port <= 0)
    throw InvalidArgument(fmt::format("{}:{}: cannot be served on; is another server there?", host,
                                      state.options.port));
  const std::string shown = host.find(':') == host.npos ? host : "[" + host + "]";
  return fmt::format("http://{}:{}/{}", shown, state.port,
                     state.options.token.empty() ? "" : "?token=" + state.options.token);
}

void Server::run(const std::stop_token& stop) {
  State& state = *state_;
  const std::stop_callback stopped(stop, [&state] {
    state.stopped.request_stop();
    state.queries.cancel_all();
    state.run.cancel();
    state.http.stop();
  });
  state.http.listen_after_bind();
}

}  // namespace persense::serve
