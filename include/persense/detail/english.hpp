// persense/detail/english.hpp: singular and plural of English nouns, by rule. A model that names an
// object gives both forms; these rules are for labels that come alone.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace persense::english {

namespace detail {

// ASCII alone, whatever the locale: other letters have no bearing on an English ending.
inline bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
inline char lower(char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; }
inline std::string lowered(std::string_view text) {
  std::string low(text);
  std::transform(low.begin(), low.end(), low.begin(), lower);
  return low;
}

/// Whether the test holds for one of the words of a list, each with a space behind it.
template <class Test>
bool any_of(std::string_view list, Test test) {
  for (std::size_t end; (end = list.find(' ')) != list.npos; list.remove_prefix(end + 1))
    if (test(list.substr(0, end))) return true;
  return false;
}
inline bool is_in(std::string_view list, std::string_view word) {
  return any_of(list, [&](std::string_view one) { return one == word; });
}

inline constexpr std::string_view one_form =  // or not counted, or always plural
    "sheep deer salmon shrimp squid series species dice rice corn wheat bread sushi pasta sand "
    "water scissors pants jeans pliers tongs ";
inline constexpr std::string_view irregular =
    "person/people child/children man/men woman/women tooth/teeth foot/feet mongoose/mongooses "
    "goose/geese mouse/mice ox/oxen knife/knives leaf/leaves loaf/loaves shelf/shelves wolf/wolves "
    "cactus/cacti fungus/fungi nucleus/nuclei bacterium/bacteria larva/larvae potato/potatoes "
    "tomato/tomatoes mango/mangoes gas/gases lens/lenses quiz/quizzes cookie/cookies pie/pies "
    "brownie/brownies movie/movies kiwi/kiwis taxi/taxis zucchini/zucchinis menu/menus fuse/fuses ";
inline constexpr std::string_view endings =
    "ay/ays ey/eys oy/oys uy/uys y/ies ch/ches sh/shes x/xes ss/sses tz/tzes zz/zzes ouse/ouses "
    "us/uses is/ises /s ";

/// Puts the asked form in the place of an ending that is either of a pair; whether there was one.
inline bool put_form(std::string& word, std::string_view pairs, bool plural) {
  const std::string low = lowered(word);
  return any_of(pairs, [&](std::string_view pair) {
    const std::string_view one = pair.substr(0, pair.find('/')), many = pair.substr(one.size() + 1);
    const std::string_view part = low.ends_with(many) ? many : one;
    const std::size_t before = low.size() - std::min(part.size(), low.size());
    const bool fits = pairs == endings ? before > 0 : before == 0 || part.size() >= 4;  // no "bOX"
    if (!fits || !low.ends_with(part)) return false;
    const auto same = std::mismatch(one.begin(), one.end(), many.begin(), many.end()).first;
    const auto kept = static_cast<std::size_t>(same - one.begin());  // in the case that it has
    word.replace(before + kept, word.npos, (plural ? many : one).substr(kept));
    return true;
  });
}

/// Of the noun that is counted: "cup" in "cup of coffee", else the last word.
inline std::string form_of(std::string_view phrase, bool plural) {
  const std::size_t end = std::min(phrase.find(" of "), phrase.size());
  const std::size_t begin = phrase.substr(0, end).rfind(' ') + 1;  // npos + 1 is 0
  std::string word(phrase.substr(begin, end - begin));
  if (const std::string low = lowered(word); !is_in(one_form, low) && !low.ends_with("fish"))
    put_form(word, irregular, plural) || put_form(word, endings, plural);
  return std::string(phrase.substr(0, begin)) + word + std::string(phrase.substr(end));
}

}  // namespace detail

/// One of what a noun names: "bell peppers" -> "bell pepper", "cups of tea" -> "cup of tea"; a
/// singular stays. Case is kept. @par Threads  Pure function, as is plural_of.
inline std::string singular_of(std::string_view noun) { return detail::form_of(noun, false); }

/// Many of them: "knife" -> "knives", "cup of tea" -> "cups of tea"; a plural stays. Case is kept.
inline std::string plural_of(std::string_view noun) { return detail::form_of(noun, true); }

/// A word of a label: in lower case but for abbreviations ("TV", "TVs").
inline std::string name_case(std::string_view word) {
  const std::string_view stem = word.substr(0, word.size() - (word.ends_with('s') ? 1 : 0));
  const bool kept = stem.size() >= 2 && stem.size() <= 4 &&
                    std::all_of(stem.begin(), stem.end(), detail::is_upper);
  return kept ? std::string(word) : detail::lowered(word);
}

}  // namespace persense::english
