// persense/detail/english.hpp: singular and plural of English nouns, by rule.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "persense/detail/ascii.hpp"

namespace persense::english {

inline constexpr std::string_view one_form =  // or not counted, or always plural
    "sheep deer shrimp series species dice rice corn bread scissors pants ";
inline constexpr std::string_view irregular =
    "person/people child/children man/men woman/women tooth/teeth foot/feet mongoose/mongooses "
    "goose/geese mouse/mice ox/oxen knife/knives leaf/leaves loaf/loaves nucleus/nuclei "
    "potato/potatoes tomato/tomatoes lens/lenses quiz/quizzes cookie/cookies pie/pies kiwi/kiwis "
    "bacterium/bacteria larva/larvae brownie/brownies menu/menus shelf/shelves mango/mangoes ";
inline constexpr std::string_view endings =
    "ay/ays ey/eys oy/oys uy/uys y/ies ch/ches sh/shes x/xes ss/sses tz/tzes zz/zzes ouse/ouses "
    "us/uses is/ises /s ";

/// Puts the asked form in the place of an ending that is either of a pair; whether there was one.
inline bool put_form(std::string& word, std::string_view pairs, bool plural) {
  const std::string low = detail::lowered(word);
  return detail::any_of(pairs, [&](std::string_view pair) {
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
  const std::string low = detail::lowered(word);
  if (!detail::is_in(one_form, low) && !low.ends_with("fish"))
    put_form(word, irregular, plural) || put_form(word, endings, plural);
  return std::string(phrase.substr(0, begin)) + word + std::string(phrase.substr(end));
}

/// One of what a noun names: "cups of tea" -> "cup of tea"; a singular stays. Case is kept.
inline std::string singular_of(std::string_view noun) { return form_of(noun, false); }
/// Many of them: "cup of tea" -> "cups of tea"; a plural stays. Case is kept.
inline std::string plural_of(std::string_view noun) { return form_of(noun, true); }

}  // namespace persense::english
