// What the tokenizer gets in a build without utf8proc.
#include "persense/error.hpp"
#include "unicode.hpp"

namespace persense::torchscript::unicode {

namespace {
[[noreturn]] void refuse() {
  throw InvalidArgument(
      "text: this build cannot read it, as it was made without utf8proc (libutf8proc-dev); "
      "detectors that read no text do without");
}
}  // namespace

bool is_available() { return false; }
std::u32string decode(std::string_view, std::string_view) { refuse(); }
std::string encode(std::u32string_view) { refuse(); }
bool is_control(char32_t) { refuse(); }
bool is_space(char32_t) { refuse(); }
bool is_punctuation(char32_t) { refuse(); }
std::u32string without_accents(std::u32string_view) { refuse(); }

}  // namespace persense::torchscript::unicode
