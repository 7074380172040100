// JSON that comes from files and servers, and may be anything; and JSON as text. nlohmann's parser
// and writer are templates that every source which calls them would compile again for seconds:
// these call them in one.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "json_text.hpp"

namespace persense::detail {

/// @return  discarded (is_discarded()) where the text is not JSON, or nested more than 200 deep.
nlohmann::json parse_json(std::string_view text);

/// What this program wrote itself, with members in their order. @throws nlohmann::json::exception.
nlohmann::ordered_json parse_own_json(std::string_view text);

/// A value as text, in one line or, where spaces to indent by are given, in several; bytes that are
/// not UTF-8, as file names may have, become U+FFFD.
std::string json_text(const nlohmann::json& value, int indent = -1);
std::string json_text(const nlohmann::ordered_json& value, int indent = -1);

/// The same in ASCII.
std::string ascii_json_text(const nlohmann::ordered_json& value);

/// A number from `least` to `most` without its fraction; nothing where the value is none.
/// nlohmann's own conversions take a number beyond the type's range for another one.
std::optional<std::int64_t> whole_number(const nlohmann::json& value, std::int64_t least,
                                         std::int64_t most);

}  // namespace persense::detail
