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
  const std::string many(noun), low = lowered(noun);
  if (low.ends_with('s')) return many;
  if (low.ends_with('y') && !low.ends_with("ey")) return many.substr(0, many.size() - 1) + "ies";
  return many + (std::string_view("haiou").find(low.back()) < 5 ? "es" : "s");
}
}  // namespace detail

/// The detector's phrase for all objects of a label: "potato" -> "all potatoes". Case is kept.
/// @throws InvalidArgument  empty label.
/// @par Rules  Rules::reference knows last letters only ("bananaes", "knifes"); Rules::paper writes
///   English: "bananas", "knives"; plurals ("beans") and what is not counted ("rice") stay.
/// @par Source  PerSense section 5: "all" and the label; released code: the last-letter rule.
inline std::string all_phrase(std::string_view label, Rules rules = Rules::paper) {
  if (label.empty()) throw InvalidArgument("class label: empty, expected a noun");
  return "all " +
         (rules == Rules::reference ? detail::reference_plural(label) : english::plural_of(label));
}

/// The label in a vision-language model's answer as the released code takes it: the last word,
/// without full stops: "durian" of "It is a durian.", nothing of "It is a durian ."
/// noun_from_answer() (label/noun.hpp) reads the sentence. Reasoning (up to the last `</think>` or
/// another mark of its kind) is left out.
/// @throws InvalidArgument  an answer without a word, or with reasoning that no reply follows.
/// @par Source  released code.
inline std::string label_from_answer(std::string_view answer) {
  std::string label = detail::reply_in(answer);
  while (!label.empty() && detail::is_space(label.back())) label.pop_back();
  if (label.empty()) throw InvalidArgument("class label: the answer holds no word");
  label.erase(label.begin(), std::find_if(label.rbegin(), label.rend(), detail::is_space).base());
  std::erase(label, '.');
  return label;
}

}  // namespace persense
