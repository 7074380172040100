#include "wordpiece.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "persense/error.hpp"
#include "unicode.hpp"

namespace persense::torchscript {

namespace {

constexpr std::size_t longest_word = 100;  // characters, as every BERT has it
constexpr std::string_view inside_word = "##";

/// The blocks of ideographs, each of which is a word, as the Rust half of `transformers` has them:
/// block E begins at 0x2B820.
bool is_chinese(char32_t c) {
  constexpr std::array<std::pair<char32_t, char32_t>, 8> blocks{{{0x4E00, 0x9FFF},
                                                                 {0x3400, 0x4DBF},
                                                                 {0x20000, 0x2A6DF},
                                                                 {0x2A700, 0x2B73F},
                                                                 {0x2B740, 0x2B81F},
                                                                 {0x2B920, 0x2CEAF},
                                                                 {0xF900, 0xFAFF},
                                                                 {0x2F800, 0x2FA1F}}};
  return std::any_of(blocks.begin(), blocks.end(),
                     [c](const auto& block) { return c >= block.first && c <= block.second; });
}

std::u32string cleaned(std::u32string_view text) {
  constexpr char32_t replacement = 0xFFFD;  // what decoders put where they could not read
  std::u32string result;
  for (const char32_t c : text) {
    if (c == replacement || unicode::is_control(c)) continue;
    if (unicode::is_space(c))
      result += U' ';
    else if (is_chinese(c))
      (result += U' ').append({c, U' '});
    else
      result += c;
  }
  return result;
}

/// Calls `use` with every word; punctuation characters are words of their own.
template <class Use>
void for_each_word(std::u32string_view text, Use&& use) {
  std::size_t begin = 0;
  const auto end_word = [&](std::size_t end) {
    if (end > begin) use(text.substr(begin, end - begin));
    begin = end + 1;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool punctuation = unicode::is_punctuation(text[i]);
    if (!punctuation && !unicode::is_space(text[i])) continue;
    end_word(i);
    if (punctuation) use(text.substr(i, 1));
  }
  end_word(text.size());
}

}  // namespace

WordPiece::WordPiece(std::string_view vocabulary, std::string name) : name_(std::move(name)) {
  unicode::decode(vocabulary, name_);  // before anything stands on its being text
  while (!vocabulary.empty()) {
    const std::size_t end = std::min(vocabulary.find('\n'), vocabulary.size());
    std::string_view token = vocabulary.substr(0, end);
    if (token.ends_with('\r')) token.remove_suffix(1);
    numbers_.insert_or_assign(std::string(token), static_cast<Id>(tokens_.size()));
    tokens_.emplace_back(token);
    vocabulary.remove_prefix(std::min(end + 1, vocabulary.size()));
  }
  begin_ = required("[CLS]");
  end_ = required("[SEP]");
  padding_ = required("[PAD]");
  unknown_ = required("[UNK]");
  full_stop_ = required(".");
  question_mark_ = required("?");
}

WordPiece::Id WordPiece::required(const char* token) const {
  if (const auto id = find(token)) return *id;
  throw BadModel(fmt::format("{}: got {} tokens without \"{}\", expected one of them to be it",
                             name_, tokens_.size(), token));
}

std::optional<WordPiece::Id> WordPiece::find(std::string_view token) const {
  const auto found = numbers_.find(std::string(token));
  return found == numbers_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<WordPiece::Id> WordPiece::ids(std::string_view text) const {
  const auto plain = unicode::without_accents(cleaned(unicode::decode(text, "text")));
  std::vector<Id> result;
  for_each_word(plain, [&](std::u32string_view word) { add_word(word, result); });
  return result;
}

void WordPiece::add_word(std::u32string_view word, std::vector<Id>& ids) const {
  const std::size_t before = ids.size();
  const auto give_up = [&] {
    ids.resize(before);
    ids.push_back(unknown_);
  };
  if (word.size() > longest_word) return give_up();
  while (!word.empty()) {
    const std::string start(ids.size() == before ? "" : inside_word);
    std::optional<Id> id;
    std::size_t length = word.size();
    while (length > 0 && !(id = find(start + unicode::encode(word.substr(0, length))))) --length;
    if (!id) return give_up();
    ids.push_back(*id);
    word.remove_prefix(length);
  }
}

bool WordPiece::means_something(Id id) const {
  if (id == begin_ || id == end_ || id == padding_ || id == unknown_) return false;
  std::string_view token = tokens_.at(static_cast<std::size_t>(id));
  if (token.starts_with(inside_word)) token.remove_prefix(inside_word.size());
  const std::u32string characters = unicode::decode(token, name_);
  return std::any_of(characters.begin(), characters.end(),
                     [](char32_t c) { return !unicode::is_punctuation(c); });
}

}  // namespace persense::torchscript
