#include "libtorch_errors.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace persense::torchscript {

namespace {

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

/// "RuntimeError: the rest" gives "the rest"; a line of another kind nothing.
std::string_view behind_error_name(std::string_view line) {
  const auto colon = line.find(": ");
  if (colon == std::string_view::npos) return {};
  const auto name = line.substr(0, colon);
  const bool word = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '.';
  });
  const bool error = name.ends_with("Error") || name.ends_with("Exception");
  return word && error ? line.substr(colon + 2) : std::string_view{};
}

/// "[enforce fail at alloc_cpu.cpp:66] . what failed" gives "what failed".
std::string_view without_place(std::string_view line) {
  if (!line.starts_with("[enforce fail at ")) return line;
  const auto end = line.find("] ");
  if (end == std::string_view::npos) return line;
  line.remove_prefix(end + 2);
  return line.starts_with(". ") ? line.substr(2) : line;
}

}  // namespace

std::string useful_line(std::string_view message) {
  // The interpreter puts the traceback first and the error last; everyone else the error first.
  std::string_view first, error;
  while (!message.empty()) {
    const auto end = std::min(message.find('\n'), message.size());
    const auto line = trimmed(message.substr(0, end));
    if (first.empty()) first = line;
    if (const auto rest = behind_error_name(message.substr(0, end)); !rest.empty()) error = rest;
    message.remove_prefix(std::min(end + 1, message.size()));
  }
  constexpr std::size_t longest = 300;
  std::string line(without_place(trimmed(error.empty() ? first : error)).substr(0, longest));
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return line.empty() ? "no reason given" : line;
}

bool is_out_of_memory(std::string_view message) {
  constexpr std::array<std::string_view, 7> signs{
      "can't allocate memory",  "not enough memory", "out of memory",
      "Cannot allocate memory", "ALLOC_FAILED",      "Failed to allocate memory",
      "std::bad_alloc"};  // in ONNX Runtime's words
  return std::any_of(signs.begin(), signs.end(), [&](std::string_view sign) {
    return message.find(sign) != std::string_view::npos;
  });
}

}  // namespace persense::torchscript
