// http.hpp: one HTTP request, within a time limit, that can be interrupted at any moment.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace persense::label {

using Clock = std::chrono::steady_clock;

/// Where a chat server is asked.
struct Endpoint {
  std::string url;    ///< the whole of it, with the path that ends in /chat/completions
  std::string shown;  ///< for messages: without the query, which may hold a key
  bool tls = false;
};

/// @throws InvalidArgument  anything but http(s)://HOST[:PORT][/PATH][?QUERY], white space and
///   control characters included. It does not repeat a user name or a password.
Endpoint endpoint_of(std::string_view url);

/// Which server a URL is of: scheme, host and port, the port that the scheme implies among them.
struct HttpOrigin {
  std::string scheme, host, port;
  bool operator==(const HttpOrigin&) const = default;
};

/// @return  nothing for what is no http or https URL, or holds a user name.
std::optional<HttpOrigin> origin_of(const std::string& url);

constexpr std::size_t largest_answer = std::size_t{1} << 20;

enum class HttpMethod { post, get };

struct HttpRequest {
  Endpoint endpoint;
  std::string body;           ///< JSON; of a GET there is none
  std::string authorization;  ///< value of that header; empty: none
  std::string ca_bundle;      ///< PEM file; empty: the system's
  HttpMethod method = HttpMethod::post;
  std::size_t most = largest_answer;  ///< bytes of an answer
};

/// An answer of any status.
struct HttpAnswer {
  int status = 0;
  std::string body;        ///< at most HttpRequest::most bytes, the rest is not read
  bool too_large = false;  ///< there was more
  double retry_after = 0;  ///< seconds that the server asks to wait
  std::string location;    ///< where a redirect leads, which is not followed
};

/// Why there is no answer.
struct HttpFailure {
  std::string what;
  bool worth_another_try = false;
  bool out_of_time = false;
};

/// What came of a request; just one of the two is set.
struct HttpOutcome {
  std::optional<HttpAnswer> answer;
  HttpFailure failure;
};

bool http_is_built_in();
bool http_has_tls();

/// Sends a request and reads the answer. Ends at the deadline, whatever the server (or a name
/// server) does. Proxies, .netrc files and the like, which libcurl takes from the environment, have
/// no part in it.
/// @param should_stop  asked every stop_interval, on the calling thread. @throws Cancelled  it
///   asked for it; what it throws itself.
HttpOutcome send(const HttpRequest& request, Clock::time_point deadline,
                 const std::function<bool()>& should_stop);

/// How often should_stop is asked while something is waited for.
constexpr std::chrono::milliseconds stop_interval{50};

}  // namespace persense::label
