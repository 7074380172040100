// persense/class_label.hpp: class label and detector phrase as text.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "persense/detail/english.hpp"
#include "persense/detail/reply.hpp"
#include "persense/error.hpp"
#include "persense/options.hpp"

namespace persense {

namespace detail {
inline std::string reference_plural(std::string_view noun) {
  using english::detail::lower;
  const char last = lower(noun.back());
  const char before = noun.size() > 1 ? lower(noun[noun.size() - 2]) : '\0';
  if (last == 's') return std::string(noun);
  if (last == 'y' && before != 'e') return std::string(noun.substr(0, noun.size() - 1)) + "ies";
  constexpr std::string_view takes_es = "haiou";
  return std::string(noun) + (takes_es.find(last) != std::string_view::npos ? "es" : "s");
}
}  // namespace detail

/// The detector's phrase for all objects of a label: "potato" -> "all potatoes". Case is kept.
/// @throws InvalidArgument  empty label.
/// @par Rules  Rules::reference knows last letters only ("bananaes", "knifes", "quizs", "toies");
///   Rules::paper writes English: "bananas", "knives", "quizzes", "toys", "cups of tea"; what is
///   plural already stays ("beans"), and so does what is not counted ("rice").
/// @par Source  PerSense section 5 prompts the detector with "all" and the label; released code:
///   the last-letter rule.
inline std::string all_phrase(std::string_view label, Rules rules = Rules::paper) {
  if (label.empty()) throw InvalidArgument("class label: empty, expected a noun");
  return "all " +
         (rules == Rules::reference ? detail::reference_plural(label) : english::plural_of(label));
}

/// The label in a vision-language model's answer as the released code takes it: the last word,
/// without full stops. "The object in the image is a durian." -> "durian". noun_from_answer()
/// (label/noun.hpp) reads the sentence. Reasoning before the reply (up to the last `</think>` or
/// another mark of its kind) is left out.
/// @throws InvalidArgument  an answer without a word, or with reasoning that no reply follows.
/// @par Source  released code, whose model does not reason; other punctuation and upper case stay,
///   as there.
inline std::string label_from_answer(std::string_view given) {
  const std::string reply = detail::reply_in(given);
  std::string_view answer = reply;
  while (!answer.empty() && detail::is_space(answer.back())) answer.remove_suffix(1);
  const auto begin = std::find_if(answer.rbegin(), answer.rend(), detail::is_space).base();
  std::string label(begin, answer.end());
  std::erase(label, '.');
  if (label.empty()) throw InvalidArgument("class label: the answer holds no word");
  return label;
}

}  // namespace persense
