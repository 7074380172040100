#include "label_studio_host.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "json.hpp"
#include "persense/error.hpp"
#include "persense/failure.hpp"

namespace persense::serve {

namespace {

using label::Clock;

std::string without_slash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

/// What is no character of a URL, percent-encoded: names of files may hold anything.
std::string encoded(const std::string& url) {
  std::string text;
  for (const char c : url) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = byte > 0x20 && byte < 0x7f && c != '"' && c != '<' && c != '>' && c != '\\';
    text += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return text;
}

/// A personal access token is a JSON Web Token, which begins so.
bool is_personal(const std::string& key) {
  return key.starts_with("eyJ") && std::count(key.begin(), key.end(), '.') == 2;
}

[[noreturn]] void fail(const std::string& address, const std::string& why) {
  throw Unreadable(one_line(fmt::format("Label Studio {}: {}", address, why)));
}

std::string body_of(const label::HttpRequest& request, Clock::time_point deadline,
                    const std::function<bool()>& should_stop) {
  const std::string& address = request.endpoint.shown;
  label::HttpOutcome outcome = label::send(request, deadline, should_stop);
  if (outcome.failure.out_of_time) fail(address, "did not answer in time");
  if (!outcome.answer) fail(address, outcome.failure.what);
  if (outcome.answer->too_large)
    fail(address, fmt::format("answered with more than {} bytes", request.most));
  if (outcome.answer->status != 200)
    fail(address, fmt::format("answered with status {}, expected 200; is LABEL_STUDIO_API_KEY a "
                              "token that it accepts?",
                              outcome.answer->status));
  return std::move(outcome.answer->body);
}

label::Endpoint endpoint_of(const std::string& url) {
  return {url, url.substr(0, url.find('?')), url.starts_with("https:")};
}

}  // namespace

LabelStudioHost::LabelStudioHost(std::string url, std::string key, std::size_t most)
    : url_(without_slash(std::move(url))), key_(std::move(key)), most_(most) {
  if (url_.empty()) return;
  if (!label::http_is_built_in())
    throw InvalidArgument(
        "--label-studio-url: this build fetches nothing (it was made without libcurl)");
  if (!label::origin_of(url_) || url_.find_first_of("?# ") != url_.npos)
    throw InvalidArgument(fmt::format(
        "--label-studio-url: got \"{}\", expected http(s)://HOST[:PORT]",
        url_.find('@') == url_.npos ? url_ : "an address with a user name or password"));
}

bool LabelStudioHost::owns(const std::string& address) const {
  const auto origin = label::origin_of(encoded(address));
  return is_known() && origin && origin == label::origin_of(url_);
}

// A personal token is good for asking for another one, which lives for five minutes.
std::string LabelStudioHost::authorization(Clock::time_point deadline,
                                           const std::function<bool()>& should_stop) const {
  if (key_.empty()) return "";
  if (!is_personal(key_)) return "Token " + key_;
  constexpr std::chrono::minutes lives{2};
  const std::scoped_lock lock(guard_);
  if (access_.empty() || Clock::now() > access_ends_) {
    const auto body =
        body_of({endpoint_of(url_ + "/api/token/refresh/"),
                 persense::detail::json_text(nlohmann::json{{"refresh", key_}}), "", ""},
                deadline, should_stop);
    const auto answer = persense::detail::parse_json(body);
    if (!answer.is_object() || !answer.contains("access") || !answer["access"].is_string())
      fail(url_ + "/api/token/refresh/", "gave no access token");
    access_ = answer["access"].get<std::string>();
    access_ends_ = Clock::now() + lives;
  }
  return "Bearer " + access_;
}

std::string LabelStudioHost::get(const std::string& path,
                                 const std::function<bool()>& should_stop) const {
  constexpr std::chrono::seconds longest{60};
  const auto deadline = Clock::now() + longest;
  const std::string address = encoded(path.starts_with('/') ? url_ + path : path);
  if (!owns(address)) fail(address, "is another host");  // whatever the path was
  return body_of({endpoint_of(address), "", authorization(deadline, should_stop), "",
                  label::HttpMethod::get, most_},
                 deadline, should_stop);
}

}  // namespace persense::serve
