// persense/impl/option_table.hpp: bodies of option_table.hpp, which includes it unless they are
// compiled elsewhere.
#pragma once

#include <fmt/core.h>
#include <charconv>
#include <string>
#include <string_view>
#include <type_traits>

#include "persense/detail/joined.hpp"
#include "persense/error.hpp"
#include "persense/option_table.hpp"
#include "persense/options.hpp"

namespace persense {

PERSENSE_DECL void validate(const Options& options) {
  for_each_option(options, [](std::string_view key, const auto& field, double lo, double hi, auto) {
    if constexpr (!std::is_enum_v<std::remove_cvref_t<decltype(field)>>)
      detail::require_in_range(key, field, lo, hi);
  });
}

PERSENSE_DECL void set_option(Options& options, std::string_view key, std::string_view text) {
  bool found = false;
  std::string keys;
  for_each_option(options, [&](std::string_view name, auto& field, double lo, double hi, auto) {
    using Field = std::remove_cvref_t<decltype(field)>;
    keys += (keys.empty() ? "" : ", ") + std::string(name);
    if (name != key) return;
    const auto value = detail::parse_value<Field>(key, text);
    if constexpr (!std::is_enum_v<Field>) detail::require_in_range(key, value, lo, hi);
    field = value;
    found = true;
  });
  if (!found)
    throw InvalidArgument(fmt::format("option {}: unknown; expected one of {}", key, keys));
}

PERSENSE_DECL void apply_setting(Options& options, std::string_view setting, std::string_view who) {
  const auto equals = setting.find('=');
  if (equals == std::string_view::npos)
    throw InvalidArgument(
        fmt::format("{}: got \"{}\", expected key=value as in idm.threshold=25", who, setting));
  set_option(options, setting.substr(0, equals), setting.substr(equals + 1));
}

}  // namespace persense
