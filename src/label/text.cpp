#include "text.hpp"

#include <algorithm>
#include <vector>

#include "persense/failure.hpp"

namespace persense::label {

namespace {

// Bytes of the UTF-8 character that begins here; 0 for what is none.
std::size_t character_length(std::string_view text, std::size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  const std::size_t length = first < 0x80                    ? 1
                             : first >= 0xC2 && first < 0xE0 ? 2
                             : first >= 0xE0 && first < 0xF0 ? 3
                             : first >= 0xF0 && first < 0xF5 ? 4
                                                             : 0;
  if (length == 0 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((static_cast<unsigned char>(text[at + i]) & 0xC0) != 0x80) return 0;
  return length;
}

}  // namespace

std::string quoted(std::string_view text, std::size_t longest) {
  std::string kept;
  std::size_t at = 0;
  while (at < text.size() && kept.size() < longest) {
    const std::size_t length = character_length(text, at);
    if (length == 0)
      kept += '?';
    else
      kept += text.substr(at, length);
    at += std::max<std::size_t>(length, 1);
  }
  return '"' + one_line(std::move(kept)) + (at < text.size() ? "...\"" : "\"");
}

std::string without_secret(std::string text, std::string_view secret) {
  constexpr std::size_t shortest = 6;
  const std::size_t run = std::min(shortest, secret.size());
  if (run == 0) return text;
  std::vector<bool> hidden(text.size(), false);
  for (std::size_t begin = 0; begin + run <= secret.size(); ++begin)
    for (std::size_t at = 0; (at = text.find(secret.substr(begin, run), at)) != text.npos; ++at)
      std::fill_n(hidden.begin() + static_cast<std::ptrdiff_t>(at), run, true);
  for (std::size_t i = 0; i < text.size(); ++i)
    if (hidden[i]) text[i] = '*';
  return text;
}

}  // namespace persense::label
