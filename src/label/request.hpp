// request.hpp: the body of a request, and which of its parameters a server refuses.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "http.hpp"
#include "persense/label/extractor.hpp"

namespace persense::label {

/// What a request has beside the question and a server may not take: a bit each.
using Parameters = unsigned;
enum Parameter : Parameters {
  response_format = 1,
  temperature = 2,
  max_tokens = 4,
  max_completion_tokens = 8,  ///< in the place of max_tokens, where that is refused
};

/// What is sent to a server that refuses some: response_format by Rules::paper, a temperature, and
/// a limit of the answer's tokens.
Parameters parameters_of(const LabelSettings& settings, Parameters refused);

/// @param image  image_url() of what is shown.
std::string request_body(const LabelSettings& settings, const std::string& image, Parameters sent);

/// A PNG file as a data URL.
std::string image_url(std::span<const std::uint8_t> png);

/// What the server says went wrong, where it says so in the usual way; else the whole of `body`.
std::string complaint(const std::string& body);

/// Why an answer has no message: what came instead, and what was expected.
struct NoMessage {
  std::string got, expected;
};

/// The message in an answer of status 200: the text of its first choice, which may come in parts.
/// @param secret  is masked in what came; may be empty. @throws NoMessage.
std::string message_in(const std::string& body, std::string_view secret);

/// The parameter of those sent that an answer refuses: the first one that its complaint names, or
/// that its "param" is. Where none is named, response_format, as servers that do not know it say
/// many things.
/// @return  0 for none, and for other statuses than 400 and 422.
Parameters refused_in(const HttpAnswer& answer, Parameters sent);

}  // namespace persense::label
