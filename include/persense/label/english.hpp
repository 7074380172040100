// persense/label/english.hpp: singular and plural of the English nouns that objects have.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace persense::english {

namespace detail {

using Words = std::span<const std::string_view>;

// ASCII alone, whatever the locale: other letters have no bearing on an English ending.
inline bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
inline char lower(char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; }

inline std::string lowered(std::string_view text) {
  std::string low(text);
  std::transform(low.begin(), low.end(), low.begin(), lower);
  return low;
}

inline bool is_vowel(char c) { return std::string_view("aeiou").find(c) != std::string_view::npos; }

inline bool contains(Words words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// Whether the word is one of these, or is written together with one of these: "strawberry".
inline bool ends_with_any(Words endings, std::string_view word) {
  return std::any_of(endings.begin(), endings.end(), [&](auto e) { return word.ends_with(e); });
}

/// Nouns with one form: "sheep", those that are not counted, and those that are always plural.
inline bool is_unchanging(std::string_view word) {
  static constexpr std::string_view words[] = {
      "sheep",      "deer",       "moose",        "elk",        "bison",     "salmon",   "trout",
      "tuna",       "shrimp",     "squid",        "cod",        "swine",     "cattle",   "poultry",
      "offspring",  "series",     "species",      "dice",       "rice",      "corn",     "wheat",
      "barley",     "popcorn",    "broccoli",     "asparagus",  "spinach",   "garlic",   "sushi",
      "sashimi",    "tofu",       "bread",        "bacon",      "beef",      "pork",     "pasta",
      "spaghetti",  "macaroni",   "cutlery",      "furniture",  "luggage",   "baggage",  "jewelry",
      "jewellery",  "clothing",   "equipment",    "money",      "cash",      "sand",     "gravel",
      "honey",      "butter",     "salt",         "sugar",      "milk",      "water",    "grass",
      "hair",       "wool",       "cotton",       "silverware", "tableware", "software", "hardware",
      "scissors",   "pants",      "trousers",     "jeans",      "shorts",    "tights",   "leggings",
      "pliers",     "tongs",      "tweezers",     "binoculars", "goggles",   "pyjamas",  "pajamas",
      "sunglasses", "eyeglasses", "headquarters", "barracks",   "chassis",   "molasses", "hummus",
      "couscous",   "data",       "media",        "graffiti"};
  static constexpr std::string_view endings[] = {"fish", "craft"};
  return contains(words, word) || ends_with_any(endings, word);
}

using Pair = std::pair<std::string_view, std::string_view>;

/// Singular and plural that no rule gives; matched at the end of a word ("strawman", "eyetooth").
inline std::span<const Pair> irregular() {
  static constexpr Pair pairs[] = {
      {"person", "people"},
      {"child", "children"},
      {"tooth", "teeth"},
      {"foot", "feet"},
      {"mongoose", "mongooses"},
      {"goose", "geese"},
      {"mouse", "mice"},
      {"woman", "women"},
      {"ox", "oxen"},
      {"die", "dice"},
      {"knife", "knives"},
      {"wife", "wives"},
      {"leaf", "leaves"},
      {"loaf", "loaves"},
      {"calf", "calves"},
      {"half", "halves"},
      {"shelf", "shelves"},
      {"wolf", "wolves"},
      {"elf", "elves"},
      {"thief", "thieves"},
      {"scarf", "scarves"},
      {"hoof", "hooves"},
      {"sheaf", "sheaves"},
      {"cactus", "cacti"},
      {"fungus", "fungi"},
      {"nucleus", "nuclei"},
      {"stimulus", "stimuli"},
      {"bacillus", "bacilli"},
      {"alumnus", "alumni"},
      {"radius", "radii"},
      {"bacterium", "bacteria"},
      {"mitochondrion", "mitochondria"},
      {"criterion", "criteria"},
      {"phenomenon", "phenomena"},
      {"ovum", "ova"},
      {"alga", "algae"},
      {"larva", "larvae"},
      {"pupa", "pupae"},
      {"antenna", "antennae"},
      {"vertebra", "vertebrae"},
      {"nebula", "nebulae"},
      {"crisis", "crises"},
      {"oasis", "oases"},
      {"analysis", "analyses"},
      {"thesis", "theses"},
      {"diagnosis", "diagnoses"},
      {"ellipsis", "ellipses"},
      {"index", "indices"},
      {"matrix", "matrices"},
      {"vertex", "vertices"},
      {"appendix", "appendices"},
      {"quiz", "quizzes"},
      {"whiz", "whizzes"},
      {"potato", "potatoes"},
      {"tomato", "tomatoes"},
      {"mango", "mangoes"},
      {"hero", "heroes"},
      {"echo", "echoes"},
      {"torpedo", "torpedoes"},
      {"mosquito", "mosquitoes"},
      {"domino", "dominoes"},
      {"buffalo", "buffaloes"},
      {"tornado", "tornadoes"},
      {"volcano", "volcanoes"},
      {"lens", "lenses"},
      {"gas", "gases"},
      {"canvas", "canvases"},
      {"atlas", "atlases"},
      {"pancreas", "pancreases"},
      {"passerby", "passersby"},
      {"brother-in-law", "brothers-in-law"},
      {"mother-in-law", "mothers-in-law"},
      {"passer-by", "passers-by"},
      {"bus", "buses"},
      {"rhinoceros", "rhinoceroses"},
      {"thermos", "thermoses"},
  };
  return pairs;
}

/// An irregular pair fits a whole word, a part after a hyphen, or the end of a longer word when
/// that part is long enough not to be a chance ("ox" in "box", "die" in "birdie").
inline bool is_at_end(std::string_view word, std::string_view part) {
  if (!word.ends_with(part)) return false;
  const std::size_t before = word.size() - part.size();
  return before == 0 || word[before - 1] == '-' || part.size() >= 4;
}

inline bool ends_in_man(std::string_view word, std::string_view man) {
  static constexpr std::string_view others[] = {
      "human",  "german",   "roman", "shaman",  "talisman", "caiman", "ottoman", "norman",
      "pacman", "omen",     "semen", "abdomen", "specimen", "stamen", "ramen",   "regimen",
      "acumen", "cyclamen", "yemen", "hymen",   "foramen",  "bitumen"};
  return word.ends_with(man) && !contains(others, word);
}

inline std::string with_end(std::string_view word, std::size_t cut, std::string_view end) {
  return std::string(word.substr(0, word.size() - cut)) + std::string(end);
}

/// Singular nouns in -ie, -oe, -che, -i and the like, whose plural takes an s alone.
inline bool takes_s_alone(std::string_view singular) {
  static constexpr std::string_view words[] = {
      "pie",      "tie",      "lie",       "magpie",    "necktie",  "cookie",    "brownie",
      "smoothie", "movie",    "zombie",    "selfie",    "hoodie",   "beanie",    "calorie",
      "genie",    "prairie",  "birdie",    "veggie",    "doggie",   "foodie",    "pixie",
      "hippie",   "rookie",   "goalie",    "budgie",    "collie",   "cutie",     "newbie",
      "barbie",   "caddie",   "eerie",     "pinkie",    "shoe",     "horseshoe", "snowshoe",
      "toe",      "tiptoe",   "mistletoe", "canoe",     "oboe",     "hoe",       "aloe",
      "doe",      "foe",      "roe",       "floe",      "backhoe",  "quiche",    "brioche",
      "cache",    "headache", "toothache", "moustache", "mustache", "avalanche", "niche",
      "pastiche", "ceviche",  "creche",    "psyche",    "axe",      "pickaxe"};
  return contains(words, singular);
}

/// Singular nouns that end in an s of their own: "glass", "cactus", "iris".
inline bool ends_in_own_s(std::string_view word) {
  static constexpr std::string_view in_vowel[] = {
      "menu",   "emu",     "gnu",    "tofu",   "flu",     "tutu",     "guru",   "caribou",
      "bayou",  "taxi",    "kiwi",   "ski",    "bikini",  "zucchini", "chili",  "martini",
      "panini", "emoji",   "safari", "rabbi",  "jacuzzi", "chapati",  "salami", "tsunami",
      "yeti",   "cannoli", "okapi",  "bonsai", "samurai", "alibi",    "bao",    "koi"};
  if (word.size() < 3 || word.ends_with("ss")) return true;
  return (word.ends_with("us") || word.ends_with("is")) &&
         !contains(in_vowel, word.substr(0, word.size() - 1));
}

/// How much of an "es" plural is not the singular: 2 in "peaches", "boxes", "cactuses"; 1 in
/// "roses", "olives", "prizes".
inline std::size_t es_to_cut(std::string_view word) {
  static constexpr std::string_view hissing[] = {"ches", "shes", "xes", "sses",
                                                 "zzes", "tzes", "oes"};
  static constexpr std::string_view in_use[] = {"ouses", "auses", "ooses", "uises"};
  static constexpr std::string_view use[] = {"uses", "fuses", "muses", "ruses", "excuses"};
  static constexpr std::string_view in_is[] = {"irises", "trellises", "clematises"};
  if (takes_s_alone(word.substr(0, word.size() - 1))) return 1;
  if (ends_with_any(hissing, word) || ends_with_any(in_is, word)) return 2;
  if (word.ends_with("uses") && !ends_with_any(in_use, word) && !contains(use, word)) return 2;
  return 1;
}

/// Gives `changed` the capital that the original starts with.
inline std::string like(std::string_view original, std::string changed) {
  if (!original.empty() && is_upper(original[0]))
    changed[0] = static_cast<char>(changed[0] - 'a' + 'A');
  return changed;
}

inline std::string singular_of_word(std::string_view word) {
  const std::string low = lowered(word);
  if (is_unchanging(low)) return std::string(word);
  for (const auto& [one, many] : irregular()) {
    if (is_at_end(low, one)) return std::string(word);
    if (is_at_end(low, many))
      return with_end(word, many.size(),
                      like(word.substr(word.size() - many.size()), std::string(one)));
  }
  if (ends_in_man(low, "men")) return with_end(word, 2, "an");
  if (!low.ends_with('s') || ends_in_own_s(low)) return std::string(word);
  if (low.ends_with("'s")) return std::string(word);
  if (low.ends_with("ies") && low.size() > 4 && !takes_s_alone(low.substr(0, low.size() - 1)))
    return with_end(word, 3, "y");
  return with_end(word, low.ends_with("es") ? es_to_cut(low) : 1, "");
}

inline std::string plural_of_singular(std::string_view word) {
  static constexpr std::string_view hissing[] = {"s", "x", "z", "ch", "sh", "ss"};
  static constexpr std::string_view hard_ch[] = {"stomach", "monarch",   "eunuch",
                                                 "loch",    "patriarch", "epoch"};
  const std::string low = lowered(word);
  if (is_unchanging(low)) return std::string(word);
  for (const auto& [one, many] : irregular())
    if (is_at_end(low, one))
      return with_end(word, one.size(),
                      like(word.substr(word.size() - one.size()), std::string(many)));
  if (ends_in_man(low, "man") && low.size() > 2) return with_end(word, 2, "en");
  if (low.size() == 1) return std::string(word) + "s";
  if (ends_with_any(hissing, low) && !contains(hard_ch, low)) return std::string(word) + "es";
  const bool after_vowel = is_vowel(low[low.size() - 2]) && !low.ends_with("quy");
  if (low.ends_with('y') && !after_vowel) return with_end(word, 1, "ies");
  return std::string(word) + "s";
}

/// Where the noun that is counted ends: "cup" in "cup of coffee", else the last word.
inline std::size_t end_of_head(std::string_view phrase) {
  static constexpr std::string_view prepositions[] = {" of ", " in ",  " with ",
                                                      " on ", " for ", " from "};
  std::size_t end = phrase.size();
  for (const auto preposition : prepositions)
    if (const auto at = phrase.find(preposition); at != phrase.npos && at > 0)
      end = std::min(end, at);
  return end;
}

template <class Change>
std::string change_head(std::string_view phrase, Change change) {
  const std::size_t end = end_of_head(phrase);
  const std::size_t space = phrase.substr(0, end).find_last_of(" \t");
  const std::size_t begin = space == phrase.npos ? 0 : space + 1;
  if (begin == end) return std::string(phrase);
  return std::string(phrase.substr(0, begin)) + change(phrase.substr(begin, end - begin)) +
         std::string(phrase.substr(end));
}

}  // namespace detail

/// One of what a noun or compound noun names: "bell peppers" -> "bell pepper", "cups of tea" ->
/// "cup of tea"; a singular stays. Case is kept.
/// @par Threads  Pure function, as is plural_of.
inline std::string singular_of(std::string_view noun) {
  return detail::change_head(noun, detail::singular_of_word);
}

/// Many of them: "knife" -> "knives", "cup of tea" -> "cups of tea"; a plural stays. Case is kept.
inline std::string plural_of(std::string_view noun) {
  return detail::change_head(noun, [](std::string_view word) {
    return detail::plural_of_singular(detail::singular_of_word(word));
  });
}

}  // namespace persense::english
