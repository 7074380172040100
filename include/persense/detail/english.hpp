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
inline bool ends_in(std::string_view list, std::string_view word) {
  return any_of(list, [&](std::string_view end) { return word.ends_with(end); });
}

inline constexpr std::string_view one_form =  // or not counted, or always plural
    "sheep deer salmon shrimp squid fish series species dice rice corn wheat bread sushi pasta "
    "sand water scissors pants jeans pliers tongs ";
inline constexpr std::string_view irregular =
    "person/people child/children tooth/teeth foot/feet mongoose/mongooses goose/geese mouse/mice "
    "ox/oxen die/dice knife/knives leaf/leaves loaf/loaves half/halves calf/calves shelf/shelves "
    "wolf/wolves scarf/scarves cactus/cacti fungus/fungi nucleus/nuclei bacterium/bacteria "
    "alga/algae larva/larvae pupa/pupae quiz/quizzes potato/potatoes tomato/tomatoes "
    "mango/mangoes mosquito/mosquitoes bus/buses gas/gases lens/lenses iris/irises ";
inline constexpr std::string_view s_alone =  // though their ending asks for more
    "menu emu kiwi taxi zucchini cookie brownie birdie shoe horseshoe canoe quiche axe pickaxe "
    "use ";
inline constexpr std::string_view not_of_man =
    "human german roman talisman ottoman specimen omen stamen ramen ";

/// The asked form of a word that ends in an irregular pair; else nothing. Short ones must be the
/// whole word: "ox" is not in "box".
inline std::string irregular_form(std::string_view word, const std::string& low, bool plural) {
  std::string found;
  any_of(irregular, [&](std::string_view pair) {
    const std::string_view one = pair.substr(0, pair.find('/')), many = pair.substr(one.size() + 1);
    const std::string_view part = low.ends_with(one) ? one : low.ends_with(many) ? many : "";
    const std::size_t before = low.size() - part.size();
    if (part.empty() || (before > 0 && part.size() < 4)) return false;
    found = plural ? many : one;
    if (is_upper(word[before])) found[0] = static_cast<char>(found[0] - 'a' + 'A');
    found.insert(0, word.substr(0, before));
    return true;
  });
  return found;
}

inline std::string singular_of_word(std::string_view word) {
  const std::string low = lowered(word);
  const auto cut = [&](std::size_t count, const char* end = "") {
    return std::string(word.substr(0, word.size() - count)) + end;
  };
  if (is_in(one_form, low) || low.ends_with("fish")) return cut(0);
  if (std::string form = irregular_form(word, low, false); !form.empty()) return form;
  if (low.ends_with("men") && !is_in(not_of_man, low)) return cut(2, "an");
  if (low.size() < 3 || !low.ends_with('s')) return cut(0);
  if (is_in(s_alone, std::string_view(low).substr(0, low.size() - 1))) return cut(1);
  if (ends_in("ss 's us is ", low)) return cut(0);  // their own: "glass", "walrus"
  if (low.ends_with("ies") && low.size() > 4) return cut(3, "y");
  if (ends_in("ches shes xes sses zzes oes ", low)) return cut(2);
  return cut(low.ends_with("uses") && !ends_in("ouses auses uises ", low) ? 2 : 1);
}

inline std::string plural_of_singular(std::string_view word) {
  const std::string low = lowered(word), kept(word);
  if (is_in(one_form, low) || low.ends_with("fish")) return kept;
  if (std::string form = irregular_form(word, low, true); !form.empty()) return form;
  if (low.ends_with("man") && !is_in(not_of_man, low)) return kept.substr(0, low.size() - 2) + "en";
  if (low.size() == 1 || low == "stomach") return kept + "s";
  if (ends_in("s x z ch sh ", low)) return kept + "es";
  const bool after_vowel = std::string_view("aeiou").find(low[low.size() - 2]) != low.npos;
  return low.ends_with('y') && !after_vowel ? kept.substr(0, low.size() - 1) + "ies" : kept + "s";
}

/// Changes the noun that is counted: "cup" in "cup of coffee", else the last word.
template <class Change>
std::string change_head(std::string_view phrase, Change change) {
  std::size_t end = phrase.size();
  for (const std::string_view next : {" of ", " in ", " with ", " on ", " for ", "-in-law"})
    if (const std::size_t at = phrase.find(next); at > 0) end = std::min(end, at);
  const std::size_t begin = phrase.substr(0, end).find_last_of(" \t") + 1;  // npos + 1 is 0
  if (begin == end) return std::string(phrase);
  return std::string(phrase.substr(0, begin)) + change(phrase.substr(begin, end - begin)) +
         std::string(phrase.substr(end));
}

}  // namespace detail

/// One of what a noun names: "bell peppers" -> "bell pepper", "cups of tea" -> "cup of tea"; a
/// singular stays. Case is kept. @par Threads  Pure function, as is plural_of.
inline std::string singular_of(std::string_view noun) {
  return detail::change_head(noun, detail::singular_of_word);
}

/// Many of them: "knife" -> "knives", "cup of tea" -> "cups of tea"; a plural stays. Case is kept.
inline std::string plural_of(std::string_view noun) {
  return detail::change_head(noun, [](std::string_view word) {
    return detail::plural_of_singular(detail::singular_of_word(word));
  });
}

/// A word of a label: in lower case but for abbreviations ("TV", "TVs").
inline std::string name_case(std::string_view word) {
  const std::string_view stem = word.substr(0, word.size() - (word.ends_with('s') ? 1 : 0));
  const bool kept = stem.size() >= 2 && stem.size() <= 4 &&
                    std::all_of(stem.begin(), stem.end(), detail::is_upper);
  return kept ? std::string(word) : detail::lowered(word);
}

}  // namespace persense::english
