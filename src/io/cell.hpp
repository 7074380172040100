// cell.hpp (private): texts in tables.
#pragma once

#include <string>

namespace persense::io {

/// A text as a cell of a CSV file, quoted as RFC 4180 has it.
inline std::string cell_of(const std::string& words) {
  if (words.find_first_of(",\"\r\n") == std::string::npos) return words;
  std::string text = "\"";
  for (const char c : words) text += c == '"' ? std::string("\"\"") : std::string(1, c);
  return text + "\"";
}

}  // namespace persense::io
