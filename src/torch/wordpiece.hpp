// wordpiece.hpp (private): BERT's tokenizer, of text in any case.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace persense::torchscript {

/// From text to the numbers of its tokens, as BERT's uncased models want them: control characters
/// go, Chinese characters stand alone, accents and upper case go, words end at spaces and around
/// punctuation, and a word is the longest tokens of the vocabulary in turn. A word that they do not
/// make up, or of more than 100 characters, is one unknown token.
///
/// Text is text: "[SEP]" is a bracket, a word and a bracket.
/// @par Threads  Const; any number of threads.
/// @par Source  Devlin et al. (arXiv:1810.04805), as `transformers`' BertTokenizer has it
///   (`split_special_tokens=True`); characters are those of utf8proc's Unicode version.
class WordPiece {
 public:
  using Id = std::int64_t;

  /// @param vocabulary  UTF-8, one token a line; its number is the line's, from 0. Of a token that
  ///   stands there twice, the last number counts.
  /// @param name  begins every message.
  /// @throws BadModel  a vocabulary without one of the tokens below.
  /// @throws InvalidArgument  a vocabulary that is not UTF-8, or a build without utf8proc.
  WordPiece(std::string_view vocabulary, std::string name);

  /// Without the tokens that begin and end a text. Empty text, or spaces alone, has none.
  /// @throws InvalidArgument  text that is not UTF-8.
  std::vector<Id> ids(std::string_view text) const;

  /// Whether a token stands for a letter, a digit or the like, and not for punctuation or for what
  /// is unknown.
  bool means_something(Id id) const;

  Id begin() const { return begin_; }                  ///< [CLS]
  Id end() const { return end_; }                      ///< [SEP]
  Id padding() const { return padding_; }              ///< [PAD]
  Id unknown() const { return unknown_; }              ///< [UNK]
  Id full_stop() const { return full_stop_; }          ///< .
  Id question_mark() const { return question_mark_; }  ///< ?
  std::size_t size() const { return tokens_.size(); }

 private:
  Id required(const char* token) const;
  std::optional<Id> find(std::string_view token) const;
  void add_word(std::u32string_view word, std::vector<Id>& ids) const;

  std::string name_;
  std::vector<std::string> tokens_;
  std::unordered_map<std::string, Id> numbers_;
  Id begin_ = 0, end_ = 0, padding_ = 0, unknown_ = 0, full_stop_ = 0, question_mark_ = 0;
};

}  // namespace persense::torchscript
