// BERT's tokenizer: a text and, before a zero byte, a vocabulary.
#include "torch/wordpiece.hpp"

#include "target.hpp"

using namespace persense;
using namespace persense::fuzz;
using torchscript::WordPiece;

namespace {

constexpr std::string_view small_vocabulary =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\n.\n?\npotato\npot\n##s\n##ato\n##es\n-\na\n##a\n\xce\xb1\n";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = text_of({data, size}), vocabulary = small_vocabulary;
  if (const auto end = text.find('\0'); end != text.npos) {
    vocabulary = text.substr(0, end);
    text.remove_prefix(end + 1);
  }
  accepts([&] {
    const WordPiece words(vocabulary, "vocabulary");
    for (const auto id : {words.begin(), words.end(), words.padding(), words.unknown(),
                          words.full_stop(), words.question_mark()})
      require(id >= 0 && static_cast<std::size_t>(id) < words.size(), "special tokens are tokens");
    const auto ids = words.ids(text);
    require(ids.size() <= 4 * text.size(), "a character is a few tokens at most");
    for (const auto id : ids) {
      require(id >= 0 && static_cast<std::size_t>(id) < words.size(),
              "tokens are the vocabulary's");
      (void)words.means_something(id);
    }
    const auto twice = words.ids(std::string(text) + ' ' + std::string(text));
    auto expected = ids;
    expected.insert(expected.end(), ids.begin(), ids.end());
    require(twice == expected, "words are the same wherever they stand");
  });
  return 0;
}
