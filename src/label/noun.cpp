#include "persense/label/noun.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "persense/error.hpp"
#include "persense/failure.hpp"
#include "persense/label/english.hpp"
#include "text.hpp"
#include "words.hpp"

namespace persense {

namespace {

using english::detail::lowered;

struct Word {
  std::string text, low;
  char after = 0;  // punctuation that follows: ',' for any that separates, ':' , or none
};
using Words = std::vector<Word>;

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; at += with.size())
    text.replace(at, what.size(), with);
}

void erase_between(std::string& text, std::string_view open, std::string_view close) {
  for (std::size_t begin; (begin = text.find(open)) != text.npos;) {
    const std::size_t end = text.find(close, begin + open.size());
    text.erase(begin, end == text.npos ? text.npos : end + close.size() - begin);
  }
}

// What models put around their words, as plain text: every sentence ends in a full stop or a line
// break, and no mark is left that is neither part of a word nor of the punctuation.
std::string plain(std::string_view answer) {
  std::string text(answer);
  erase_between(text, "<think>", "</think>");
  erase_between(text, "<|", "|>");
  erase_between(text, "<", ">");
  static constexpr std::pair<std::string_view, std::string_view> marks[] = {
      {"\u2019", "'"},  {"\u2018", "'"},  {"\u201c", " "},  {"\u201d", " "}, {"\u00ab", " "},
      {"\u00bb", " "},  {"\u2014", ", "}, {"\u2013", ", "}, {" - ", ", "},   {"\u3002", ". "},
      {"\u2022", "\n"}, {"\u2026", ". "}, {"\u00a0", " "},  {"\\n", "\n"},   {"...", ". "}};
  for (const auto& [mark, replacement] : marks) replace_all(text, mark, replacement);
  for (char& c : text)
    if (std::string_view("*_`#\"{}[]|>\\=").find(c) != std::string_view::npos) c = ' ';
  return text;
}

bool is_word_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || std::isalnum(byte) != 0 || c == '\'' || c == '-' || c == '/' || c == '&' ||
         c == '%';
}

// A full stop inside "U.S.A." or "3.5" ends no sentence.
bool ends_sentence(std::string_view text, std::size_t at) {
  const char c = text[at];
  if (c == '\n' || c == '!' || c == '?' || c == ';') return true;
  if (c != '.') return false;
  return at + 1 == text.size() || !is_word_byte(text[at + 1]);
}

std::vector<Words> sentences_of(std::string_view text) {
  std::vector<Words> sentences(1);
  std::string word;
  const auto finish_word = [&] {
    while (!word.empty() && (word.back() == '\'' || word.back() == '-')) word.pop_back();
    word.erase(0, word.find_first_not_of("'-"));
    if (!word.empty()) sentences.back().push_back({word, lowered(word)});
    word.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_word_byte(text[i]) || (text[i] == '.' && !ends_sentence(text, i))) {
      word += text[i];
      continue;
    }
    const std::size_t before = sentences.back().size();
    finish_word();
    const bool list_number = sentences.back().size() == before + 1 && before == 0 &&
                             text[i] != '\n' && english::is_determiner(sentences.back()[0].low) &&
                             std::isdigit(static_cast<unsigned char>(sentences.back()[0].low[0]));
    if (ends_sentence(text, i) && !list_number) {
      if (!sentences.back().empty()) sentences.emplace_back();
    } else if (!sentences.back().empty() && std::string_view(",:()").find(text[i]) != text.npos) {
      sentences.back().back().after = text[i] == ':' ? ':' : ',';
    }
  }
  finish_word();
  if (sentences.back().empty()) sentences.pop_back();
  return sentences;
}

std::string low_text(const Words& words) {
  std::string text = " ";
  for (const Word& word : words) text += word.low + (word.after == ',' ? " , " : " ");
  return text;
}

bool holds_any(const std::string& text, std::initializer_list<std::string_view> parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](auto part) { return text.find(part) != text.npos; });
}

bool is_refusal(const Words& sentence) {
  return holds_any(
      low_text(sentence),
      {" cannot ",          " can't ",        " can not ",          " unable ",
       " not able ",        " don't see ",    " do not see ",       " no image ",
       " sorry ",           " apologize ",    " apologise ",        " apologies ",
       " as an ai ",        " not clear ",    " unclear ",          " not sure ",
       " unsure ",          " don't know ",   " no object ",        " no objects ",
       " not visible ",     " impossible ",   " difficult ",        " hard to ",
       " couldn't ",        " not possible ", " nothing ",          " doesn't ",
       " does not ",        " isn't ",        " not contain ",      " no visible ",
       " not enough ",      " not provided ", " no discernible ",   " not identifiable ",
       " no clear ",        " don't have ",   " do not have ",      " unidentifiable ",
       " unrecognizable ",  " no specific ",  " not recognizable ", " cannot be ",
       " no recognizable ", " no content ",   " unknown ",          " need more ",
       " not a photo "});
}

// What asks the user for something instead of answering.
bool is_request(const Words& sentence) {
  static constexpr std::string_view starts[] = {
      "please", "if",  "let",  "could", "can",  "would",   "feel",   "do",
      "i'd",    "how", "note", "hope",  "i'll", "provide", "upload", "to"};
  return std::find(std::begin(starts), std::end(starts), sentence.front().low) != std::end(starts);
}

// After "not sure, but ..." comes an answer all the same.
Words after_but(const Words& sentence) {
  for (std::size_t i = 1; i + 1 < sentence.size(); ++i)
    if (sentence[i].low == "but" || sentence[i].low == "however" || sentence[i].low == "though")
      return Words(sentence.begin() + static_cast<std::ptrdiff_t>(i) + 1, sentence.end());
  return {};
}

bool all_adjectives(const Words& words) {
  return std::all_of(words.begin(), words.end(),
                     [](const Word& word) { return english::is_adjective(word.low); });
}

bool is_abbreviation(const Word& word) {
  const auto upper = [](char c) { return english::detail::is_upper(c); };
  return word.text.size() >= 2 && word.text.size() <= 4 &&
         std::all_of(word.text.begin(), word.text.end(), upper);
}

std::string joined(const Words& words) {
  std::string text;
  const bool shouted = std::all_of(words.begin(), words.end(), is_abbreviation) && words.size() > 1;
  for (const Word& word : words)
    text += (text.empty() ? "" : " ") + (is_abbreviation(word) && !shouted ? word.text : word.low);
  return text;
}

std::optional<std::string> noun_phrase(const Words& words, std::size_t begin);

// What follows "of" decides together with what stands before it.
std::optional<std::string> joined_by_of(const Words& before, const Words& words,
                                        std::size_t begin) {
  const std::string head = english::singular_of(before.back().low);
  if (english::is_collective(head) || english::is_generic(head)) return noun_phrase(words, begin);
  if (!english::is_container(head)) return joined(before);
  // "a bag of potatoes" keeps its contents as they are called
  Words contents;
  for (std::size_t i = begin; i < words.size(); ++i) {
    if (english::ends_noun_phrase(words[i].low) || words[i].low == "of") break;
    if (!english::is_determiner(words[i].low) && !english::is_adjective(words[i].low))
      contents.push_back(words[i]);
    if (words[i].after != 0) break;
  }
  return contents.empty() ? joined(before) : joined(before) + " of " + joined(contents);
}

void drop_leading_adjectives(Words& words) {
  while (words.size() > 1 && english::is_adjective(words.front().low)) words.erase(words.begin());
}

// The noun phrase that begins here, after articles and adjectives; none when something else does.
std::optional<std::string> noun_phrase(const Words& words, std::size_t begin) {
  constexpr std::size_t longest = 6;  // words; more are no name
  Words kept;
  for (std::size_t i = begin; i < words.size(); ++i) {
    const std::string& low = words[i].low;
    const bool open = all_adjectives(kept);  // the noun is still to come
    if (low == "of") {
      if (kept.empty()) continue;
      drop_leading_adjectives(kept);
      const auto name = joined_by_of(kept, words, i + 1);
      return name ? english::singular_of(*name) : name;
    }
    if ((low == "and" || low == "or") && open && !kept.empty() && i + 1 < words.size() &&
        !english::is_determiner(words[i + 1].low))
      continue;
    if (kept.empty() && (english::is_determiner(low) || english::is_filler(low))) {
      if (words[i].after == ',' && english::is_determiner(low)) break;
      continue;
    }
    if (english::is_filler(low) && open) continue;
    if (english::ends_noun_phrase(low) || english::is_determiner(low)) break;
    kept.push_back(words[i]);
    const bool more = i + 1 < words.size() && !english::is_determiner(words[i + 1].low);
    if (words[i].after != 0 && !(all_adjectives(kept) && more)) break;
  }
  drop_leading_adjectives(kept);
  if (kept.empty() || kept.size() > longest) return std::nullopt;
  // colours that are fruits too may stand alone; "ripe" may not
  if (kept.size() == 1 && english::is_adjective(kept[0].low) && kept[0].low != "orange")
    return std::nullopt;
  std::string noun = english::singular_of(joined(kept));
  if (english::is_generic(noun) || english::is_generic(english::singular_of(kept.back().low)))
    return std::nullopt;
  return noun;
}

// Whether the words from i on are these.
bool are(const Words& words, std::size_t i, std::initializer_list<std::string_view> these) {
  for (const auto expected : these)
    if (i >= words.size() || words[i++].low != expected) return false;
  return true;
}

// Where a name begins that the sentence announces with certainty ("a fruit called durian"); no
// position when it announces none.
std::optional<std::size_t> after_naming(const Words& words, std::size_t i) {
  const std::string& low = words[i].low;
  const bool aside = i > 0 && (words[i - 1].low == "also" || words[i - 1].after != 0);
  if ((low == "called" || low == "named") && !aside) return i + 1;
  if (low == "specifically" || low == "namely") return i + 1;
  for (const std::string_view verb :
       {"identified", "recognized", "recognised", "described", "labeled", "labelled", "classified"})
    if (are(words, i, {verb, "as"})) return i + 2;
  return std::nullopt;
}

// Where a name may begin: after a verb of being, seeming or showing, or the colon of "Answer:".
std::optional<std::size_t> after_saying(const Words& words, std::size_t i) {
  static constexpr std::string_view verbs[] = {
      "shows",    "show",       "showing",   "depicts",   "depicting", "depict",
      "contains", "containing", "features",  "featuring", "displays",  "displaying",
      "presents", "see",        "resembles", "call",      "say",       "represents",
      "includes", "portrays",   "captures",  "identify",  "guess"};
  const std::string& low = words[i].low;
  if (words[i].after == ':' && (english::is_generic(low) || english::is_copula(low) || i == 0))
    return english::is_generic(low) || english::is_copula(low) ? std::optional(i + 1)
                                                               : std::nullopt;
  for (const std::string_view verb : {"appears", "appear", "seems", "seem", "looks", "look"}) {
    if (are(words, i, {verb, "to", "be"})) return i + 3;
    if (are(words, i, {verb, "like"})) return i + 2;
  }
  if (are(words, i, {"looking", "at"}) || are(words, i, {"known", "as"})) return i + 2;
  if (low == "has" || low == "have") {
    const bool of_the_picture = i > 0 && (words[i - 1].low == "we" || words[i - 1].low == "image" ||
                                          words[i - 1].low == "picture");
    return of_the_picture ? std::optional(i + 1) : std::nullopt;
  }
  const bool says = english::is_copula(low) ||
                    std::find(std::begin(verbs), std::end(verbs), low) != std::end(verbs);
  return says ? std::optional(i + 1) : std::nullopt;
}

std::optional<std::string> noun_of(const Words& sentence, bool announced_only) {
  for (const auto announces : {after_naming, after_saying})
    for (std::size_t i = 0; i < sentence.size(); ++i)
      if (const auto begin = announces(sentence, i))
        if (auto noun = noun_phrase(sentence, *begin)) return noun;
  return announced_only ? std::nullopt : noun_phrase(sentence, 0);
}

}  // namespace

std::string noun_from_answer(std::string_view answer) {
  bool refused = false;
  for (const Words& sentence : sentences_of(plain(answer))) {
    if (is_request(sentence)) continue;
    const Words rest = is_refusal(sentence) ? after_but(sentence) : sentence;
    if (rest.size() < sentence.size()) refused = true;
    if (rest.empty() || is_refusal(rest)) continue;
    // after a refusal only a sentence that announces a name can be one
    if (auto noun = noun_of(rest, refused)) return *noun;
  }
  throw InvalidArgument(
      fmt::format("class label: the answer {} names no object, expected one such as \"It is a "
                  "potato.\"",
                  label::quoted(answer)));
}

}  // namespace persense
