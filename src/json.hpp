// JSON that comes from files and servers, and may be anything.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

namespace persense::detail {

/// Whether a text opens more brackets than anybody writes: copying and writing such a value, which
/// recurse, would run out of stack.
inline bool nests_too_deep(std::string_view text) {
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

/// @return  discarded (is_discarded()) where the text is not JSON, or nested more than 200 deep.
inline nlohmann::json parse_json(std::string_view text) {
  if (nests_too_deep(text)) return nlohmann::json(nlohmann::json::value_t::discarded);
  return nlohmann::json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
}

/// A number from `least` to `most` without its fraction; nothing where the value is none.
/// nlohmann's own conversions take a number beyond the type's range for another one.
inline std::optional<std::int64_t> whole_number(const nlohmann::json& value, std::int64_t least,
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
