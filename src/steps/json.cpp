// nlohmann's parser and writer, compiled here for all libraries.
#include "json.hpp"

namespace persense::detail {

namespace {

/// Whether a text opens more brackets than anybody writes: copying and writing such a value, which
/// recurse, would run out of stack.
bool nests_too_deep(std::string_view text) {
  constexpr int most = 200;
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') in_string = !in_string;
    if (in_string && c == '\\') ++i;
    if (in_string) continue;
    if ((c == '[' || c == '{') && ++depth > most) return true;
    if (c == ']' || c == '}') --depth;
  }
  return false;
}

template <class Json>
std::string text_of(const Json& value, int indent, bool ascii) {
  return value.dump(indent, ' ', ascii, Json::error_handler_t::replace);
}

}  // namespace

nlohmann::json parse_json(std::string_view text) {
  if (nests_too_deep(text)) return nlohmann::json(nlohmann::json::value_t::discarded);
  return nlohmann::json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
}

nlohmann::ordered_json parse_own_json(std::string_view text) {
  return nlohmann::ordered_json::parse(text.begin(), text.end());
}

std::string json_text(const nlohmann::json& value, int indent) {
  return text_of(value, indent, false);
}

std::string json_text(const nlohmann::ordered_json& value, int indent) {
  return text_of(value, indent, false);
}

std::string ascii_json_text(const nlohmann::ordered_json& value) {
  return text_of(value, -1, true);
}

std::string json_text(const std::string& value) { return json_text(nlohmann::json(value)); }
std::string json_text(double value) { return json_text(nlohmann::json(value)); }

std::optional<std::int64_t> whole_number(const nlohmann::json& value, std::int64_t least,
                                         std::int64_t most) {
  std::optional<std::int64_t> number;
  if (value.is_number_unsigned()) {
    const auto given = value.get<std::uint64_t>();
    if (given <= static_cast<std::uint64_t>(INT64_MAX)) number = static_cast<std::int64_t>(given);
  } else if (value.is_number_integer()) {
    number = value.get<std::int64_t>();
  } else if (value.is_number()) {
    constexpr double exact = 9007199254740992;  // 2^53
    const auto given = value.get<double>();
    if (given > -exact && given < exact) number = static_cast<std::int64_t>(given);
  }
  return number && *number >= least && *number <= most ? number : std::nullopt;
}

}  // namespace persense::detail
