#include "text.hpp"

#include <algorithm>
#include <vector>

#include "persense/detail/utf8.hpp"
#include "persense/failure.hpp"

namespace persense::label {

std::string quoted(std::string_view text, std::size_t longest) {
  std::string kept;
  std::size_t at = 0;
  while (at < text.size() && kept.size() < longest) {
    const std::size_t length = persense::detail::utf8_length(text, at);
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
