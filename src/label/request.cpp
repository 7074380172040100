#include "request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "json.hpp"
#include "json_answer.hpp"
#include "persense/detail/reply.hpp"
#include "text.hpp"

namespace persense::label {

using nlohmann::json;

namespace {

constexpr std::array names{
    std::pair(response_format, std::string_view("response_format")),
    std::pair(temperature, std::string_view("temperature")),
    std::pair(max_tokens, std::string_view("max_tokens")),
    std::pair(max_completion_tokens, std::string_view("max_completion_tokens"))};

std::string base64(std::span<const std::uint8_t> bytes) {
  constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    unsigned three = 0;
    for (std::size_t k = 0; k < 3; ++k) three = three << 8 | (k < count ? bytes[i + k] : 0u);
    for (std::size_t k = 0; k < 4; ++k)
      text += k <= count ? digits[three >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

// Where a text has a name that is not a part of a longer one.
std::size_t find_name(std::string_view text, std::string_view name) {
  const auto belongs = [&](std::size_t at) {
    return at < text.size() &&
           (text[at] == '_' || std::isalnum(static_cast<unsigned char>(text[at])) != 0);
  };
  std::size_t at = text.find(name);
  while (at != text.npos && ((at > 0 && belongs(at - 1)) || belongs(at + name.size())))
    at = text.find(name, at + 1);
  return at;
}

// "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead." is about the first.
Parameters first_named(std::string_view text, Parameters among) {
  Parameters first = 0;
  std::size_t begin = text.npos;
  for (const auto& [parameter, name] : names)
    if (const std::size_t at = find_name(text, name); (among & parameter) != 0 && at < begin)
      first = parameter, begin = at;
  return first;
}

// The text of a message: as it is, or in parts.
std::string text_of(const json& content) {
  if (content.is_string()) return content.get<std::string>();
  std::string text;
  if (content.is_array())
    for (const json& part : content)
      if (part.is_object() && part.contains("text") && part["text"].is_string())
        text += part["text"].get<std::string>();
  return text;
}

// OpenAI's servers name the parameter on its own, too; then their words may be of anything.
std::string what_is_refused(const std::string& body) {
  const json parsed = persense::detail::parse_json(body);
  const json::json_pointer param("/error/param");
  if (parsed.is_object() && parsed.contains(param) && parsed[param].is_string())
    return parsed[param].get<std::string>();
  return complaint(body);
}

}  // namespace

Parameters parameters_of(const LabelSettings& settings, Parameters refused) {
  Parameters sent = temperature | max_tokens;
  if (settings.rules == Rules::paper) sent |= response_format;
  if ((refused & max_tokens) != 0) sent |= max_completion_tokens;
  return sent & ~refused;
}

std::string request_body(const LabelSettings& settings, const std::string& image, Parameters sent) {
  const bool as_json = (sent & response_format) != 0;
  json content = {{{"type", "text"}, {"text", settings.prompt}},
                  {{"type", "image_url"}, {"image_url", {{"url", image}}}}};
  if (as_json) content.push_back({{"type", "text"}, {"text", name_format_in_words}});
  json body = {{"messages", {{{"role", "user"}, {"content", std::move(content)}}}},
               {"stream", false}};
  if (as_json) body["response_format"] = name_format();
  if ((sent & temperature) != 0) body["temperature"] = settings.temperature;
  if ((sent & max_tokens) != 0) body["max_tokens"] = settings.max_tokens;
  if ((sent & max_completion_tokens) != 0) body["max_completion_tokens"] = settings.max_tokens;
  if (!settings.model.empty()) body["model"] = settings.model;
  return persense::detail::json_text(body);
}

std::string image_url(std::span<const std::uint8_t> png) {
  return "data:image/png;base64," + base64(png);
}

std::string complaint(const std::string& body) {
  const json parsed = persense::detail::parse_json(body);
  if (parsed.is_object() && parsed.contains("error")) {
    const json& error = parsed["error"];
    if (error.is_string()) return error.get<std::string>();
    if (error.is_object() && error.contains("message") && error["message"].is_string())
      return error["message"].get<std::string>();
  }
  return body;
}

Parameters refused_in(const HttpAnswer& answer, Parameters sent) {
  if (answer.status != 400 && answer.status != 422) return 0;
  const Parameters named = first_named(what_is_refused(answer.body), sent);
  return named != 0 ? named : sent & response_format;
}

std::string message_in(const std::string& body, std::string_view secret) {
  const json answer = persense::detail::parse_json(body);
  const auto none = [&]() -> void {
    throw NoMessage{
        body.empty() ? "nothing" : label::quoted(without_secret(complaint(body), secret)),
        "JSON with choices[0].message.content"};
  };
  const json::json_pointer first("/choices/0/message");
  if (!answer.is_object() || !answer.contains("choices") || !answer["choices"].is_array() ||
      !answer.contains(first) || !answer[first].is_object())
    none();
  const json& message = answer[first];
  const std::string text = message.contains("content") ? text_of(message["content"]) : "";
  if (std::all_of(text.begin(), text.end(), persense::detail::is_space)) {
    const json reason = answer["choices"][0].value("/finish_reason"_json_pointer, json());
    throw NoMessage{
        fmt::format("without a word (finish_reason {})",
                    label::quoted(without_secret(persense::detail::json_text(reason), secret))),
        "the object's name"};
  }
  return text;
}

}  // namespace persense::label
