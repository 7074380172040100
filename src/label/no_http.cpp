// Builds without libcurl: the extractor refuses before it comes to a request.
#include "http.hpp"
#include "persense/error.hpp"

namespace persense::label {

bool http_is_built_in() { return false; }
bool http_has_tls() { return false; }

Endpoint endpoint_of(std::string_view) {
  throw InternalError("label extraction: an endpoint in a build without an HTTP client");
}

std::optional<HttpOrigin> origin_of(const std::string&) { return std::nullopt; }

HttpOutcome send(const HttpRequest&, Clock::time_point, const std::function<bool()>&) {
  throw InternalError("label extraction: a request in a build without an HTTP client");
}

}  // namespace persense::label
