#include "endpoint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "persense/error.hpp"
#include "text.hpp"

namespace persense::label {

namespace {

constexpr const char* expected =
    "expected http://HOST[:PORT][/PATH] or https://HOST[:PORT][/PATH], as in "
    "http://localhost:8080/v1";

std::string full_path(std::string path) {
  constexpr std::string_view completions = "/chat/completions";
  while (path.ends_with('/')) path.pop_back();
  if (path.empty()) path = "/v1";
  return path.ends_with(completions) ? path : path + std::string(completions);
}

}  // namespace

Endpoint endpoint_of(std::string_view url) {
  const auto refuse = [](std::string_view what) -> void {
    throw InvalidArgument(fmt::format("label endpoint {}, {}", what, expected));
  };
  if (url.empty()) refuse("is empty");
  const std::size_t scheme_end = url.find("://");
  // before anything is quoted: what stands before an @ may be a password
  const std::size_t authority = scheme_end == url.npos ? 0 : scheme_end + 3;
  const std::size_t path_begin = std::min(url.find_first_of("/?#", authority), url.size());
  if (url.substr(authority, path_begin - authority).find('@') != url.npos)
    refuse("holds a user name or password (keys come from an environment variable)");
  const std::size_t query_begin = std::min(url.find_first_of("?#", path_begin), url.size());
  const std::string got = "got " + quoted(url.substr(0, query_begin));
  if (std::any_of(url.begin(), url.end(), [](unsigned char c) { return c <= 0x20 || c >= 0x7f; }))
    refuse(got + " with white space or characters that must be percent-encoded");

  Endpoint endpoint;
  std::string scheme(url.substr(0, scheme_end == url.npos ? 0 : scheme_end));
  std::transform(scheme.begin(), scheme.end(), scheme.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (scheme != "http" && scheme != "https") refuse(got);
  endpoint.tls = scheme == "https";
  endpoint.port = endpoint.tls ? 443 : 80;
  std::string_view host = url.substr(authority, path_begin - authority), port;
  const bool bracketed = host.starts_with('[');
  const std::size_t host_end = bracketed ? host.find(']') : host.find(':');
  if (bracketed && host_end == host.npos) refuse(got);
  if (host_end != host.npos) {
    port = host.substr(host_end + (bracketed ? 1 : 0));
    host = host.substr(bracketed ? 1 : 0, host_end - (bracketed ? 1 : 0));
    if (!port.empty()) {
      const auto [end, error] =
          std::from_chars(port.data() + 1, port.data() + port.size(), endpoint.port);
      if (port[0] != ':' || error != std::errc() || end != port.data() + port.size() ||
          endpoint.port < 1 || endpoint.port > 65535)
        refuse(got);
    }
  }
  if (host.empty()) refuse(got);
  endpoint.host = host;
  const std::string path = full_path(std::string(url.substr(path_begin, query_begin - path_begin)));
  const std::string_view query = url.substr(query_begin, url.find('#') - query_begin);
  endpoint.target = path + std::string(query);
  endpoint.shown = std::string(url.substr(0, path_begin)) + path + (query.empty() ? "" : "?...");
  return endpoint;
}

}  // namespace persense::label
