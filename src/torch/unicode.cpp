#include "unicode.hpp"

#include <fmt/format.h>
#include <utf8proc.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

#include "persense/error.hpp"

namespace persense::torchscript::unicode {

namespace {

utf8proc_category_t category(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

bool is_tab_or_line_end(char32_t c) { return c == '\t' || c == '\n' || c == '\r'; }

}  // namespace

bool is_available() { return true; }

std::u32string decode(std::string_view utf8, std::string_view what) {
  std::u32string text;
  text.reserve(utf8.size());
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(utf8.data());
  for (std::size_t at = 0; at < utf8.size();) {
    utf8proc_int32_t c = 0;
    const auto length =
        utf8proc_iterate(bytes + at, static_cast<utf8proc_ssize_t>(utf8.size() - at), &c);
    if (length < 1)
      throw InvalidArgument(
          fmt::format("{}: byte {} (0x{:02x}) is not UTF-8, expected text in UTF-8", what, at,
                      static_cast<unsigned>(bytes[at])));
    text.push_back(static_cast<char32_t>(c));
    at += static_cast<std::size_t>(length);
  }
  return text;
}

std::string encode(std::u32string_view text) {
  std::string utf8;
  utf8.reserve(text.size());
  for (const char32_t c : text) {
    utf8proc_uint8_t bytes[4];
    const auto length = utf8proc_encode_char(static_cast<utf8proc_int32_t>(c), bytes);
    utf8.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length));
  }
  return utf8;
}

bool is_control(char32_t c) {
  if (is_tab_or_line_end(c)) return false;
  switch (category(c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CO:
      return true;
    default:
      return false;
  }
}

bool is_space(char32_t c) {
  if (is_tab_or_line_end(c)) return true;
  const auto kind = category(c);
  return kind == UTF8PROC_CATEGORY_ZS || kind == UTF8PROC_CATEGORY_ZL ||
         kind == UTF8PROC_CATEGORY_ZP;
}

bool is_punctuation(char32_t c) {
  const bool ascii = (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) ||
                     (c >= 123 && c <= 126);
  const auto kind = category(c);
  return ascii || (kind >= UTF8PROC_CATEGORY_PC && kind <= UTF8PROC_CATEGORY_PO);
}

std::u32string without_accents(std::u32string_view text) {
  const std::string utf8 = encode(text);
  utf8proc_uint8_t* decomposed = nullptr;
  const auto length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(utf8.data()),
                   static_cast<utf8proc_ssize_t>(utf8.size()), &decomposed,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(decomposed, &std::free);
  if (length < 0) throw std::bad_alloc();  // the text is valid, so nothing else can go wrong
  std::u32string result;
  for (const char32_t c :
       decode({reinterpret_cast<const char*>(decomposed), static_cast<std::size_t>(length)}, ""))
    if (category(c) != UTF8PROC_CATEGORY_MN)
      result.push_back(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
  return result;
}

}  // namespace persense::torchscript::unicode
