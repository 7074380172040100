#include "persense/label/noun.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "persense/detail/english.hpp"
#include "persense/detail/reply.hpp"
#include "persense/error.hpp"
#include "text.hpp"

namespace persense {

namespace {

using english::detail::is_in;

constexpr std::string_view determiners =  // and what is passed over like them
    "a an the this that these those some several many two three four five six ten one it its your "
    "all other single there what either most perhaps so too very more about of like as at and or ";
constexpr std::string_view adjectives =
    "red green blue yellow orange purple pink brown black white grey golden pale dark light "
    "bright shiny big large small tiny long short thin thick flat round oval square smooth spiky "
    "juicy leafy ripe fresh raw rotten whole empty full main visible broken frozen blurry ";
constexpr std::string_view ends =  // of a noun phrase
    "but with without on in from to into for by under over above below behind near next against "
    "among which who where while because if is are was be it's i you we they can could may might "
    "would has have appears seems looks looking shown showing sitting lying standing hanging "
    "growing holding made known similar such including though wearing ";
constexpr std::string_view says_nothing =  // of the object: "bunch of grapes" is grapes
    "object item thing image picture photo close-up subject background view something answer "
    "label name type kind species variety text json none sure certainly yes group pile cluster "
    "bunch number set pair couple handful stack row collection lot piece slice ";
constexpr std::string_view says =  // a name may follow
    "is are was be it's that's there's here's shows depicts contains features displays see "
    "resembles call looks looking identified recognized ";
constexpr std::string_view refusals =
    "cannot can't couldn't don't doesn't isn't not no unable sorry unclear unsure nothing please ";

struct Word {
  std::string text, low;
  char after = 0;  // a comma, colon or parenthesis
};
using Words = std::vector<Word>;
using Span = std::span<const Word>;

bool is_determiner(const Word& word) {
  return is_in(determiners, word.low) ||
         word.low.find_first_not_of("0123456789.%") == word.low.npos;
}
bool is_participle(const Word& word) {
  return word.low.size() > 4 && word.low.ends_with("ed") && !word.low.ends_with("eed");
}
bool is_adjective(const Word& word) {
  const bool adverb = word.low.size() > 5 && word.low.ends_with("ly") && word.low != "butterfly";
  return adverb || is_in(adjectives, word.low) || is_participle(word);
}
bool is_nothing(const Word& word) { return is_in(says_nothing, english::singular_of(word.low)); }

// An answer without reasoning and tags, with marks in ASCII.
std::string plain(std::string_view answer) {
  std::string text = detail::without_tags(detail::reply_in(answer), "");
  text.erase(std::min(text.size(), text.find('<')));  // a tag that was cut off
  using Pair = std::pair<std::string_view, const char*>;
  for (const auto& [mark, with] : {Pair("\u2019", "'"), Pair("\u201c", " "), Pair("\u201d", " "),
                                   Pair("\u2014", ", "), Pair("\u3002", ". ")})
    for (std::size_t at = 0; (at = text.find(mark, at)) != text.npos;)
      text.replace(at, mark.size(), with);
  return text + '\n';
}

std::vector<Words> sentences_of(const std::string& text) {
  const auto is_word_byte = [](unsigned char c) {
    return c >= 0x80 || std::isalnum(c) != 0 || std::string_view("'-/&%").find(char(c)) < 5;
  };
  std::vector<Words> sentences(1);
  std::string word;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_word_byte(c) || (c == '.' && is_word_byte(text[i + 1]))) {  // as in "3.5"
      word += c;
      continue;
    }
    word.erase(0, word.find_first_not_of("'-."));
    word.erase(word.find_last_not_of("'-") + 1);
    Words& sentence = sentences.back();
    if (!word.empty()) sentence.push_back({word, english::detail::lowered(word)});
    word.clear();
    if (std::string_view(".!?;\n").find(c) != std::string_view::npos)
      sentences.emplace_back();
    else if (!sentence.empty() && std::string_view(",:()").find(c) != std::string_view::npos)
      sentence.back().after = c;
  }
  return sentences;
}

// The noun phrase that `words` begins with, in the singular, without articles and adjectives.
std::optional<std::string> noun_phrase(Span words) {
  constexpr std::size_t longest = 6;  // words; more are no name
  const auto stops = [](const Word& w) {
    return is_in(ends, w.low) || is_determiner(w) || is_participle(w);
  };
  Words kept;
  bool open = true;  // the noun is still to come
  for (std::size_t i = 0; i < words.size() && (open || kept.back().after == 0); ++i) {
    const Word& word = words[i];
    const bool of = word.low == "of" && !open && i + 1 < words.size();
    if ((open && is_determiner(word)) || (of && is_nothing(kept.back()))) {
      kept.clear();  // "likely a potato", "a slice of pizza"
      open = true;
      continue;
    }
    // "a bag of rice" is that, "a statue of a lion" is a statue
    if (of ? stops(words[i + 1]) : open ? is_in(ends, word.low) : stops(word)) break;
    kept.push_back(word);
    open = open && is_adjective(word);
  }
  while (kept.size() > 1 && is_adjective(kept.front())) kept.erase(kept.begin());
  if (kept.empty() || kept.size() > longest || is_nothing(kept.back())) return std::nullopt;
  // colours that are fruits too may stand alone; "ripe" may not
  if (kept.size() == 1 && is_adjective(kept[0]) && kept[0].low != "orange") return std::nullopt;
  std::string name;
  for (const Word& word : kept) name += english::name_case(word.text) + ' ';
  name.pop_back();
  return english::singular_of(name);
}

// What is announced for certain ("a fruit called durian") or maybe ("is a durian"), or the start.
std::optional<std::string> noun_of(Span sentence, bool announced_only) {
  for (const bool for_certain : {true, false})
    for (std::size_t i = 0; i < sentence.size(); ++i) {
      const Word& word = sentence[i];
      const bool titles = word.after == ':' && is_in(says_nothing, word.low);  // "Answer: potato"
      if (for_certain ? is_in("called specifically ", word.low) : is_in(says, word.low) || titles)
        if (auto noun = noun_phrase(sentence.subspan(i + 1))) return noun;
    }
  return announced_only ? std::nullopt : noun_phrase(sentence);
}

}  // namespace

std::string noun_from_answer(std::string_view answer) {
  const auto refuses = [](const Word& word) { return is_in(refusals, word.low); };
  bool refused = false;  // then only a sentence that announces a name can be one
  for (const Words& sentence : sentences_of(plain(answer))) {
    Span rest = sentence;
    if (std::any_of(rest.begin(), rest.end(), refuses)) {
      refused = true;
      while (!rest.empty() && rest.front().low != "but") rest = rest.subspan(1);
      if (std::any_of(rest.begin(), rest.end(), refuses)) continue;
    }
    if (auto noun = noun_of(rest, refused)) return *noun;
  }
  throw InvalidArgument(fmt::format(
      "class label: the answer {} names no object, expected one such as \"It is a potato.\"",
      label::quoted(answer)));
}

}  // namespace persense
