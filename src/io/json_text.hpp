// JSON written as text. Its objects and arrays allocate when they are destroyed, which ends the
// program where memory has run out; so large documents are not made of them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace persense::io::detail {

/// A value in one line; bytes that are not UTF-8, as file names may have, become U+FFFD.
inline std::string json_text(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace persense::io::detail
