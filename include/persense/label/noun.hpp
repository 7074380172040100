// persense/label/noun.hpp: the noun in what a vision-language model says.
#pragma once

#include <string>
#include <string_view>

namespace persense {

/// The class label in a model's free answer: the noun that names the object, in the singular and in
/// lower case (abbreviations such as "TV" stay), with the nouns that belong to it and without
/// articles, numbers and adjectives: "bag of rice" of "The image shows several white bags of rice."
///
/// Reads English; of another language, and of a bare word, what is not an English article or
/// adjective is the label. Reasoning is left out, as by label_from_answer() (class_label.hpp).
/// @throws InvalidArgument  an answer that names no object, quoting it: empty, a refusal, words
/// such
///   as "the object" alone; or one of reasoning that no reply follows.
/// @par Threads  Pure function.
/// @par Source  PerSense section 3.1 takes the noun of the answer; the rules are this library's.
std::string noun_from_answer(std::string_view answer);

}  // namespace persense
