// persense/detail/ascii.hpp: letters, blanks and words of text whose other bytes stay as they are.
#pragma once

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>

namespace persense::detail {

inline bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }
inline bool is_blank(std::string_view text) {
  return std::all_of(text.begin(), text.end(), is_space);
}

// Letters whatever the locale.
inline bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
inline char lower(char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; }
inline std::string lowered(std::string_view text) {
  std::string low(text);
  std::transform(low.begin(), low.end(), low.begin(), lower);
  return low;
}

/// Whether the test holds for one of the words of a list, each with a space behind it.
template <class Test>
bool any_of(std::string_view list, Test test) {
  for (std::size_t end; (end = list.find(' ')) != list.npos; list.remove_prefix(end + 1))
    if (test(list.substr(0, end))) return true;
  return false;
}
inline bool is_in(std::string_view list, std::string_view word) {
  return any_of(list, [&](std::string_view one) { return one == word; });
}

/// A word of a label: in lower case but for abbreviations ("TV", "TVs").
inline std::string name_case(std::string_view word) {
  const std::string_view stem = word.substr(0, word.size() - (word.ends_with('s') ? 1 : 0));
  const bool kept =
      stem.size() >= 2 && stem.size() <= 4 && std::all_of(stem.begin(), stem.end(), is_upper);
  return kept ? std::string(word) : lowered(word);
}

}  // namespace persense::detail
