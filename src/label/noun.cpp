#include "persense/label/noun.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "persense/detail/english.hpp"
#include "persense/error.hpp"
#include "text.hpp"

namespace persense {

namespace {

using english::detail::ends_in;
using english::detail::is_in;

constexpr std::string_view determiners =  // and what is passed over like them
    "a an the this that these those some several many few one two three four five six seven eight "
    "nine ten dozen it its their your all other single there what either most perhaps so too very "
    "more about ";
constexpr std::string_view adjectives =
    "red green blue yellow orange purple pink brown black white grey golden pale dark light "
    "bright colorful shiny big large small little tiny long short thin thick flat round oval "
    "square spherical cylindrical irregular smooth spiky fuzzy soft hard juicy wooden leafy "
    "edible tropical ripe unripe fresh raw rotten young old whole empty full delicious sweet main "
    "visible broken frozen blurry ";
constexpr std::string_view ends =  // of a noun phrase
    "and or but with without on in at from to into for by under over above below behind near next "
    "against inside between among around like as than which who where while because if is are was "
    "were be it's i you we they can could may might would has have appears seems looks looking "
    "shown showing depicted seen placed sitting lying laying standing hanging growing held "
    "holding arranged scattered isolated made used called named known specifically surrounded "
    "covered similar such including though however wearing of ";
constexpr std::string_view says_nothing =  // of the object
    "object item thing image picture photo subject background scene something one answer label "
    "name class category type kind response text close-up none unknown sure certainly yes no okay "
    "hello following group pile bunch number set json ";
constexpr std::string_view of_others =  // "bunch of grapes" is grapes
    "group pile cluster bunch set pair couple handful stack row collection variety piece slice "
    "lot picture view species ";
constexpr std::string_view containers =  // "bag of rice" is that
    "bag bowl basket plate box cup bottle can jar glass pack carton loaf ear head clove bar roll ";
constexpr std::string_view says =  // a name may follow
    "is are was were be it's that's this's there's here's shows show showing depicts contains "
    "features displays presents see resembles call represents includes ";
constexpr std::string_view says_with =  // as well, after one of these and one of `between`
    "identified recognized described labeled classified known looks look seems appears looking we "
    "image ";
constexpr std::string_view between = "as like at has have ";
constexpr std::string_view refusals =
    "cannot can't couldn't don't doesn't isn't not no unable sorry unclear unsure unknown "
    "impossible difficult nothing ";
constexpr std::string_view requests =  // first words
    "please if let could can would do how note as ";

struct Word {
  std::string text, low;
  char after = 0;  // ',' for any punctuation that separates, ':', or none
};
using Words = std::vector<Word>;
using Span = std::span<const Word>;

bool is_number(const std::string& word) {
  return word.find_first_not_of("0123456789.~%") == word.npos;
}
bool is_determiner(const Word& word) { return is_in(determiners, word.low) || is_number(word.low); }
bool is_adjective(const Word& word) {
  return is_in(adjectives, word.low) || ends_in("-colored -shaped -like -sized ", word.low) ||
         (word.low.size() > 4 && word.low.ends_with("ed") && !word.low.ends_with("eed"));
}

// An answer without a <think> part, tags, and marks that belong neither to words nor between them.
std::string plain(std::string_view answer) {
  std::string text(answer);
  for (const auto& [open, close] : {std::pair("<think>", "</think>"), std::pair("<", ">")})
    for (std::size_t begin; (begin = text.find(open)) != text.npos;) {
      const std::size_t end = text.find(close, begin);
      text.erase(begin, end == text.npos ? end : end + std::string_view(close).size() - begin);
    }
  for (const auto& [mark, with] : {std::pair("\u2019", "'"),
                                   {"\u201c", " "},
                                   {"\u201d", " "},
                                   {"\u2014", ", "},
                                   {"\u2013", ", "},
                                   {"\u3002", ". "},
                                   {"\u2022", "\n"}})
    for (std::size_t at = 0; (at = text.find(mark, at)) != text.npos;)
      text.replace(at, std::string_view(mark).size(), with);
  for (char& c : text)
    if (std::string_view("*_`#\"{}[]|>\\=").find(c) != std::string_view::npos) c = ' ';
  return text;
}

bool is_word_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || std::isalnum(byte) != 0 || std::string_view("'-/&%").find(c) < 5;
}

std::vector<Words> sentences_of(const std::string& text) {
  std::vector<Words> sentences(1);
  std::string word;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? text[i] : '\n';
    const bool inside = i + 1 < text.size() && is_word_byte(text[i + 1]);  // as in "3.5"
    if (i < text.size() && (is_word_byte(c) || (c == '.' && inside))) {
      word += c;
      continue;
    }
    Words& sentence = sentences.back();
    const bool list_number = c == '.' && sentence.empty() && is_number(word);
    word.erase(0, word.find_first_not_of("'-"));
    word.erase(word.find_last_not_of("'-") + 1);
    if (!word.empty() && !list_number) sentence.push_back({word, english::detail::lowered(word)});
    word.clear();
    if (sentence.empty()) continue;
    if (std::string_view(".!?;\n").find(c) != std::string_view::npos)
      sentences.emplace_back();
    else if (std::string_view(",:()").find(c) != std::string_view::npos)
      sentence.back().after = c == ':' ? ':' : ',';
  }
  return sentences;
}

// The words of the noun phrase that `words` begins with, but for articles, adverbs and, where a
// noun follows them, adjectives; `words` is left at what comes behind it.
Words take_phrase(Span& words) {
  Words kept;
  bool open = true;  // the noun is still to come
  for (; !words.empty(); words = words.subspan(1)) {
    const Word& word = words.front();
    const bool more = words.size() > 1 && !is_determiner(words[1]);
    const bool adverb = open && word.low.size() > 5 && word.low.ends_with("ly") &&
                        words.size() > 1 && !is_in(ends, words[1].low);
    if (adverb || (kept.empty() ? is_determiner(word) || word.low == "of"
                                : open && more && is_in("and or ", word.low)))
      continue;
    if (is_in(ends, word.low) || is_determiner(word)) break;
    kept.push_back(word);
    open = open && is_adjective(word);
    if (word.after == 0 || (open && more)) continue;
    words = {};
    break;
  }
  while (kept.size() > 1 && is_adjective(kept.front())) kept.erase(kept.begin());
  return kept;
}

std::string joined(const Words& words) {
  std::string text;
  for (const Word& word : words) {
    if (!text.empty()) text += ' ';
    text += english::name_case(word.text);
  }
  return text;
}

std::optional<std::string> noun_phrase(Span words) {
  constexpr std::size_t longest = 6;  // words; more are no name
  const Words kept = take_phrase(words);
  if (kept.empty() || kept.size() > longest) return std::nullopt;
  const std::string head = english::singular_of(kept.back().low);
  std::string name = joined(kept);
  if (!words.empty() && words.front().low == "of") {
    words = words.subspan(1);
    if (is_in(of_others, head) || is_in(says_nothing, head)) return noun_phrase(words);
    // "a bag of potatoes" keeps its contents as they are called
    if (const Words contents = take_phrase(words); is_in(containers, head) && !contents.empty())
      name += " of " + joined(contents);
  }
  // colours that are fruits too may stand alone; "ripe" may not
  const bool adjective = kept.size() == 1 && is_adjective(kept[0]) && head != "orange";
  if (adjective || is_in(says_nothing, head)) return std::nullopt;
  return english::singular_of(name);
}

// Whether a name begins behind the i-th word, for certain ("a fruit called durian") or maybe.
bool announces(Span words, std::size_t i, bool for_certain) {
  const std::string& low = words[i].low;
  const std::string before = i > 0 && words[i - 1].after == 0 ? words[i - 1].low : "";
  if (for_certain) return low == "specifically" || (low == "called" && !before.empty());
  return is_in(says, low) || (words[i].after == ':' && is_in(says_nothing, low)) ||
         (is_in(between, low) && is_in(says_with, before));
}

std::optional<std::string> noun_of(Span sentence, bool announced_only) {
  for (const bool for_certain : {true, false})
    for (std::size_t i = 0; i < sentence.size(); ++i)
      if (announces(sentence, i, for_certain))
        if (auto noun = noun_phrase(sentence.subspan(i + 1))) return noun;
  return announced_only ? std::nullopt : noun_phrase(sentence);
}

}  // namespace

std::string noun_from_answer(std::string_view answer) {
  bool refused = false;  // then only a sentence that announces a name can be one
  for (const Words& sentence : sentences_of(plain(answer))) {
    if (sentence.empty() || is_in(requests, sentence.front().low)) continue;
    const auto refuses = [](const Word& word) { return is_in(refusals, word.low); };
    Span rest = sentence;
    if (std::any_of(rest.begin(), rest.end(), refuses)) {
      refused = true;
      while (!rest.empty() && rest.front().low != "but") rest = rest.subspan(1);
      if (rest.empty() || std::any_of(rest.begin(), rest.end(), refuses)) continue;
    }
    if (auto noun = noun_of(rest, refused)) return *noun;
  }
  throw InvalidArgument(fmt::format(
      "class label: the answer {} names no object, expected one such as \"It is a potato.\"",
      label::quoted(answer)));
}

}  // namespace persense
