#include "wordpiece.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "message_of.hpp"
#include "persense/error.hpp"
#include "unicode.hpp"

using namespace persense;
using Catch::Matchers::ContainsSubstring;
using persense::testing::message_of;
using torchscript::WordPiece;
using Ids = std::vector<WordPiece::Id>;

namespace {

const std::string special = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n.\n?\n";  // 0 to 5

#define NEEDS_UTF8PROC() \
  if (!torchscript::unicode::is_available()) SKIP("a build without utf8proc")

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("WordPiece: a word is the longest tokens in turn, or unknown as a whole", "[torch]") {
  NEEDS_UTF8PROC();
  const WordPiece words(special + "potato\npot\n##s\n##ato\n##es\n-\n", "v");  // from 6
  CHECK(words.ids("potato pots potatoes pot-ato") == Ids{6, 7, 8, 6, 10, 7, 11, 1});
  CHECK(words.ids("potatoe") == Ids{1});
  CHECK(words.ids("POT\xc3\x84TO.?") == Ids{6, 4, 5});  // Ä
  CHECK(words.ids(" \t\n").empty());
  CHECK(words.ids("[SEP]") == Ids{1, 1, 1});
  CHECK(words.size() == 12);
}

TEST_CASE("WordPiece: a word of more than 100 characters is unknown, however many bytes it has",
          "[torch]") {
  NEEDS_UTF8PROC();
  const WordPiece words(special + "a\n##a\n\xce\xb1\n##\xce\xb1\n", "v");  // Greek from 8
  CHECK(words.ids(std::string(100, 'a')).size() == 100);
  CHECK(words.ids(std::string(101, 'a')) == Ids{1});
  std::string greek;
  for (int i = 0; i < 100; ++i) greek += "\xce\x91";
  CHECK(words.ids(greek).size() == 100);
  CHECK(words.ids(greek + "\xce\x91") == Ids{1});
}

TEST_CASE("WordPiece: lines may end as on Windows, and the last one need not end", "[torch]") {
  NEEDS_UTF8PROC();
  const WordPiece words("[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\n.\r\n?\r\npotato", "v");
  CHECK(words.size() == 7);
  CHECK(words.ids("potato.") == Ids{6, 4});
}

TEST_CASE("WordPiece: letters and digits mean something, punctuation and the unknown do not",
          "[torch]") {
  NEEDS_UTF8PROC();
  const WordPiece words(special + "potato\n##s\n!\n##!\n7\n", "v");
  for (const WordPiece::Id id : {6, 7, 10}) CHECK(words.means_something(id));
  for (const WordPiece::Id id : {0, 1, 2, 3, 4, 5, 8, 9}) CHECK_FALSE(words.means_something(id));
}

TEST_CASE("WordPiece: text that is not UTF-8 throws InvalidArgument naming the byte",
          "[torch][errors]") {
  NEEDS_UTF8PROC();
  const WordPiece words(special, "v");
  for (const std::string bad :
       {"ab\xff", "ab\xc3", "ab\xc3(", "ab\xc0\x80", "ab\xed\xa0\x80", "ab\xf5\x80\x80\x80"})
    CHECK_THAT(message_of<InvalidArgument>([&] { words.ids(bad); }),
               ContainsSubstring("text: byte 2 (0x") && ContainsSubstring("is not UTF-8"));
}

TEST_CASE("WordPiece: a vocabulary without a token that every text needs throws BadModel naming it",
          "[torch][errors]") {
  NEEDS_UTF8PROC();
  for (const std::string token : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", ".", "?"}) {
    std::string vocabulary = special;
    vocabulary.replace(vocabulary.find(token + "\n"), token.size(), 1, 'x');
    CHECK_THAT(message_of<BadModel>([&] { WordPiece(vocabulary, "v.pt: vocab.txt"); }),
               ContainsSubstring("v.pt: vocab.txt: got 6 tokens without \"" + token + "\""));
  }
  CHECK_THAT(message_of<BadModel>([] { WordPiece("", "v"); }), ContainsSubstring("got 0 tokens"));
  CHECK_THAT(message_of<InvalidArgument>([] { WordPiece("a\n\xff\n", "v.pt: vocab.txt"); }),
             ContainsSubstring("v.pt: vocab.txt: byte 2 (0xff) is not UTF-8"));
}

TEST_CASE("WordPiece: gives what transformers' tokenizer gives, on random and hostile texts",
          "[torch][tokenizer]") {
  NEEDS_UTF8PROC();
  const std::filesystem::path folder = PERSENSE_TOKENIZER;
  if (!std::filesystem::exists(folder / "cases.json")) SKIP("no texts in " << folder);
  const WordPiece words(text_of(folder / "vocab.txt"), "vocab.txt");
  const auto cases = nlohmann::json::parse(text_of(folder / "cases.json"));
  REQUIRE(cases.size() == 10000);
  std::size_t known = 0;
  for (const auto& one : cases) {
    const Ids ids = words.ids(one[0].get<std::string>()), expected = one[1].get<Ids>();
    if (ids != expected) FAIL_CHECK("differs on " << one[0].dump(-1, ' ', true));
    known += static_cast<std::size_t>(ids.size()) -
             static_cast<std::size_t>(std::count(ids.begin(), ids.end(), words.unknown()));
  }
  CHECK(known > 50000);  // or the texts show nothing
}
