#include "persense/label/noun.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <span>
#include <vector>

#include "persense/detail/english.hpp"
#include "persense/detail/reply.hpp"
#include "text.hpp"

namespace persense {

namespace {

constexpr std::string_view passed_over =  // before a noun
    ", : ( ) a an the this that these those some several many one two three it its your all other "
    "single there what either most perhaps so too very more about like as at and or looking red "
    "green blue yellow brown black white dark big large small long round juicy leafy ripe blurry ";
constexpr std::string_view ends =  // of a noun phrase; what it is "of" may go on
    ", : ( ) a an the this that and or as at like of but with without on in from to into for by "
    "under over against which who where while because if is are be it's i it you they can could "
    "may might would has have appears seems looking shown showing lying wearing ";
constexpr std::string_view says_nothing =  // of the object: "bunch of grapes" is grapes
    "object item thing image picture photo close-up subject background answer label name type kind "
    "group pile cluster bunch number pair slice piece handful sure certainly json text ";
constexpr std::string_view says =  // a name may follow
    "is are be it's that's there's shows depicts contains features displays see call looks ";
constexpr std::string_view refusals =
    "cannot can't don't doesn't isn't not no unable sorry unclear unsure nothing please ";
constexpr std::string_view sentence_ends = ". ! ? ; \n but ";

using Words = std::vector<std::string>;  // and marks, each a word
using Span = std::span<const std::string>;

bool is_participle(std::string_view word) {
  return word.size() > 4 && word.ends_with("ed") && !word.ends_with("eed");
}
bool is_passed_over(std::string_view word) {
  const bool adverb = word.size() > 5 && word.ends_with("ly") && word != "butterfly";
  const bool number = word.find_first_not_of("0123456789.") == word.npos;
  return adverb || number || is_participle(word) || detail::is_in(passed_over, word);
}
bool is_over(std::string_view word) { return detail::is_in(ends, word) || is_participle(word); }
bool is_nothing(std::string_view word) {
  return detail::is_in(says_nothing, english::singular_of(word));
}

// The words of an answer, in lower case but for abbreviations, without reasoning and tags.
Words words_of(std::string_view answer) {
  std::string text = detail::without_tags(detail::reply_in(answer), "");
  text.replace(std::min(text.size(), text.find('<')), text.npos, "\n");  // a tag that was cut off
  for (const std::string_view mark : {"\u2019'", "\u201c ", "\u201d ", "\u2014,", "\u3002."})
    for (std::size_t at = 0; (at = text.find(mark.substr(0, 3), at)) != text.npos;)
      text.replace(at, 3, mark.substr(3));
  const auto in_word = [](unsigned char c) { return c >= 0x80 || std::isalnum(c) != 0; };
  Words words;
  std::string word;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool joins = std::string_view(".'-").find(c) < 3 && in_word(text[i + 1]);  // "3.5"
    if (in_word(c) || (joins && !word.empty())) {
      word += c;
      continue;
    }
    if (const std::string low = detail::lowered(word); !word.empty())
      words.push_back(detail::is_in(ends, low) ? low : detail::name_case(word));  // "IT IS A TV"
    word.clear();
    if (std::string_view(".!?;\n,:()").find(c) < 9) words.emplace_back(1, c);
  }
  return words;
}

// The noun phrase at the beginning, in the singular, without articles and adjectives; or nothing.
std::string noun_phrase(Span words) {
  Words kept;
  for (; !words.empty(); words = words.subspan(1)) {
    const std::string& word = words.front();
    const bool goes_on = words.size() > 1 && !is_over(words[1]);
    if (kept.empty() && (is_passed_over(word) || (word == "orange" && goes_on))) continue;
    // "a slice of pizza" is pizza, "a bag of rice" that, "a statue of a lion" a statue
    if (word == "of" && (kept.empty() || is_nothing(kept.back())))
      kept.clear();
    else if (word == "of" ? goes_on : !is_over(word))
      kept.push_back(word);
    else
      break;
  }
  if (kept.empty() || kept.size() > 6 || is_nothing(kept.back())) return "";
  return english::singular_of(fmt::format("{}", fmt::join(kept, " ")));
}

// What is announced for certain ("a fruit called durian") or maybe ("is a durian"), or the start.
std::string noun_of(Span sentence, bool announced_only) {
  for (const std::string_view announcing : {std::string_view("called specifically "), says})
    for (std::size_t i = 0; i + 1 < sentence.size(); ++i)
      if (detail::is_in(announcing, sentence[i]) ||
          (sentence[i + 1] == ":" && is_nothing(sentence[i])))
        if (auto noun = noun_phrase(sentence.subspan(i + 1)); !noun.empty()) return noun;
  return announced_only ? "" : noun_phrase(sentence);
}

}  // namespace

std::string noun_from_answer(std::string_view answer) {
  bool refused = false;  // then only a sentence that announces a name can be one
  const Words words = words_of(answer);
  for (auto end = words.begin(), begin = end; begin != words.end(); begin = end + 1) {
    end = std::find_if(begin, words.end(), [](auto& w) { return detail::is_in(sentence_ends, w); });
    if (std::any_of(begin, end, [](auto& word) { return detail::is_in(refusals, word); }))
      refused = true;
    else if (auto noun = noun_of(Span(begin, end), refused); !noun.empty())
      return noun;
  }
  throw InvalidArgument(fmt::format(
      "class label: the answer {} names no object, expected one such as \"It is a potato.\"",
      label::quoted(answer)));
}

}  // namespace persense
