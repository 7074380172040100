// persense/class_label.hpp: class label and detector phrase as text.
#pragma once

#include <string>
#include <string_view>

#include "persense/detail/decl.hpp"
#include "persense/options.hpp"

namespace persense {

/// The detector's phrase for all objects of a label: "potato" -> "all potatoes". Case is kept.
/// @throws InvalidArgument  empty label.
/// @par Rules  Rules::reference knows last letters only ("bananaes", "knifes"); Rules::paper writes
///   English: "bananas", "knives"; plurals ("beans") and what is not counted ("rice") stay.
/// @par Source  PerSense section 5: "all" and the label; released code: the last-letter rule.
PERSENSE_DECL std::string all_phrase(std::string_view label, Rules rules = Rules::paper);

/// The label in a vision-language model's answer as the released code takes it: the last word,
/// without full stops: "durian" of "It is a durian.", nothing of "It is a durian ."
/// noun_from_answer() (label/noun.hpp) reads the sentence. Reasoning (up to the last `</think>` or
/// another mark of its kind) is left out.
/// @throws InvalidArgument  an answer without a word, or with reasoning that no reply follows.
/// @par Source  released code.
PERSENSE_DECL std::string label_from_answer(std::string_view answer);

}  // namespace persense

#ifndef PERSENSE_SEPARATE_COMPILATION
#include "persense/impl/class_label.hpp"
#endif
