// endpoint.hpp: the URL of a chat endpoint in its parts.
#pragma once

#include <string>
#include <string_view>

namespace persense::label {

struct Endpoint {
  bool tls = false;
  std::string host;  ///< a name or a numeric address, without the brackets of IPv6
  int port = 0;
  std::string target;  ///< path and query, as the request names them
  std::string shown;   ///< for messages: without the query, which may hold a key
};

/// @throws InvalidArgument  anything but http(s)://HOST[:PORT][/PATH][?QUERY], white space and
///   control characters included. It does not repeat a user name or a password.
Endpoint endpoint_of(std::string_view url);

}  // namespace persense::label
