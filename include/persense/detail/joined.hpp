// persense/detail/joined.hpp: lists in messages.
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>

namespace persense::detail {

/// "1, 2, 3". (fmt::join needs <fmt/format.h>, twice as much to compile.)
template <class Range>
std::string joined(const Range& values, std::string_view separator) {
  std::string text;
  for (const auto& value : values)
    text += fmt::format("{}{}", text.empty() ? std::string_view() : separator, value);
  return text;
}

}  // namespace persense::detail
