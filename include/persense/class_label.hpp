// persense/class_label.hpp: class label and detector phrase as text.
#pragma once

#include <algorithm>
#include <array>
#include <cctype>
#include <span>
#include <string>
#include <string_view>

#include "persense/error.hpp"
#include "persense/options.hpp"

namespace persense {

namespace detail {
inline char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }
inline bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }
inline bool ends_with_any(std::string_view word, std::span<const std::string_view> endings) {
  return std::any_of(endings.begin(), endings.end(), [&](auto e) { return word.ends_with(e); });
}

inline std::string reference_plural(std::string_view noun) {
  const char last = lower(noun.back());
  const char before = noun.size() > 1 ? lower(noun[noun.size() - 2]) : '\0';
  if (last == 's') return std::string(noun);
  if (last == 'y' && before != 'e') return std::string(noun.substr(0, noun.size() - 1)) + "ies";
  constexpr std::string_view takes_es = "haiou";
  return std::string(noun) + (takes_es.find(last) != std::string_view::npos ? "es" : "s");
}

/// Regular English plurals; an ending in s is left alone, as a label may be plural already.
inline std::string english_plural(std::string_view noun) {
  std::string word(noun);
  std::transform(word.begin(), word.end(), word.begin(), lower);
  const auto is_vowel = [](char c) {
    return std::string_view("aeiou").find(c) != std::string_view::npos;
  };
  const bool after_vowel = word.size() > 1 && is_vowel(word[word.size() - 2]);
  static constexpr std::array<std::string_view, 5> hissing = {"x", "z", "ch", "sh", "ss"};
  static constexpr std::array<std::string_view, 4> food_in_o = {"potato", "tomato", "mango",
                                                                "hero"};
  static constexpr std::array<std::string_view, 6> ve = {"knife", "leaf", "loaf",
                                                         "calf",  "half", "shelf"};
  if (word.ends_with("ss") || ends_with_any(word, hissing)) return std::string(noun) + "es";
  if (word.ends_with('s')) return std::string(noun);
  if (word.ends_with('y') && !after_vowel && word.size() > 1)
    return std::string(noun.substr(0, noun.size() - 1)) + "ies";
  if (ends_with_any(word, food_in_o)) return std::string(noun) + "es";
  if (ends_with_any(word, ve))
    return std::string(noun.substr(0, noun.size() - (word.ends_with("fe") ? 2 : 1))) + "ves";
  return std::string(noun) + "s";
}
}  // namespace detail

/// The detector's phrase for all objects of a label: "potato" -> "all potatoes". Case is kept.
/// @throws InvalidArgument  empty label.
/// @par Rules  Rules::reference knows last letters only ("bananaes", "knifes", "quizs", "toies");
///   Rules::paper writes regular English ("bananas", "knives", "quizes", "toys").
/// @par Source  PerSense section 5 prompts the detector with "all" and the label; released code:
/// the
///   last-letter rule.
inline std::string all_phrase(std::string_view label, Rules rules = Rules::paper) {
  if (label.empty()) throw InvalidArgument("class label: empty, expected a noun");
  return "all " + (rules == Rules::reference ? detail::reference_plural(label)
                                             : detail::english_plural(label));
}

/// The label in a vision-language model's answer: its last word, without full stops.
/// "The object in the image is a durian." -> "durian".
/// @throws InvalidArgument  an answer without a word.
/// @par Source  released code; other punctuation and upper case stay, as there.
inline std::string label_from_answer(std::string_view answer) {
  while (!answer.empty() && detail::is_space(answer.back())) answer.remove_suffix(1);
  if (answer.empty()) throw InvalidArgument("class label: the answer holds no word");
  const auto begin = std::find_if(answer.rbegin(), answer.rend(), detail::is_space).base();
  std::string label(begin, answer.end());
  std::erase(label, '.');
  return label;
}

}  // namespace persense
