// text.hpp: foreign text made fit for an error's one line.
#pragma once

#include <string>
#include <string_view>

namespace persense::label {

/// The beginning of a text in quotes, on one line, cut between two characters of UTF-8; bytes that
/// are no UTF-8 become '?'.
std::string quoted(std::string_view text, std::size_t longest = 160);

/// The text with every part of the secret in it masked, also where only a part is quoted: all runs
/// of 6 or more of its characters.
std::string without_secret(std::string text, std::string_view secret);

}  // namespace persense::label
