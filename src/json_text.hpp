// Strings and numbers as JSON, for documents that are written as text. (nlohmann's objects and
// arrays allocate when they are destroyed, which ends the program where memory has run out; so
// large documents are not made of them.)
#pragma once

#include <string>

namespace persense::detail {

/// With quotes; bytes that are not UTF-8, as file names may have, become U+FFFD.
std::string json_text(const std::string& value);
std::string json_text(double value);

}  // namespace persense::detail
