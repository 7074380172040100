// unicode.hpp (private): what the tokenizer asks about characters. One of two files answers:
// unicode.cpp, which stands on utf8proc, or no_unicode.cpp.
#pragma once

#include <string>
#include <string_view>

namespace persense::torchscript::unicode {

/// Whether this build has utf8proc. Without it, every function below throws InvalidArgument.
bool is_available();

/// @param what  begins the message: whose text it is.
/// @throws InvalidArgument  not UTF-8 (surrogates and overlong forms included); the message names
///   the first byte that is not.
std::u32string decode(std::string_view utf8, std::string_view what);
std::string encode(std::u32string_view text);

/// Control, format and private-use characters, but for tab and line ends.
bool is_control(char32_t c);
/// Separators of any kind, tab and line ends.
bool is_space(char32_t c);
/// Punctuation of any kind, and ASCII's symbols ('$', '+', '^', ...).
bool is_punctuation(char32_t c);

/// Taken apart into base characters and marks (NFD), without the marks that take no space of their
/// own ("é" -> "e"), every character in lower case.
std::u32string without_accents(std::u32string_view text);

}  // namespace persense::torchscript::unicode
