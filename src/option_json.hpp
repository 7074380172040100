// Options as members of a JSON object: {"idm.threshold": 25, "idm.mode": "hybrid"}.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "json.hpp"
#include "persense/error.hpp"
#include "persense/option_table.hpp"

namespace persense::detail {

/// Whether an option is one of several words; nothing of a key that is none.
inline std::optional<bool> option_is_word(std::string_view key) {
  std::optional<bool> word;
  const Options any;
  for_each_option(any, [&](std::string_view name, const auto& field, auto&&...) {
    if (name == key) word = std::is_enum_v<std::remove_cvref_t<decltype(field)>>;
  });
  return word;
}

/// The value as set_option takes it.
/// @throws InvalidArgument  another type than the option has.
inline std::string option_text_of(const std::string& key, const nlohmann::json& value) {
  // what is none is refused by set_option
  const bool word = option_is_word(key).value_or(value.is_string());
  if (word ? value.is_string() : value.is_number())
    return word ? value.get<std::string>() : json_text(value);
  throw InvalidArgument(fmt::format("option {}: got {}, expected a {}", key, json_text(value),
                                    word ? "word" : "number"));
}

}  // namespace persense::detail
