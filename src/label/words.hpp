// words.hpp: what kind of word it is, as far as reading an answer needs to know. All in lower case.
#pragma once

#include <string_view>

namespace persense::english {

/// Articles, numbers and the like, which start a noun phrase and are no part of the label.
bool is_determiner(std::string_view word);

/// Words that only weaken or strengthen ("probably", "clearly"): as if they were not there.
bool is_filler(std::string_view word);

/// Colours, sizes, states: dropped before a noun. Also hyphened ones ("egg-shaped") and participles
/// ("sliced").
bool is_adjective(std::string_view word);

/// Prepositions, verbs and what else cannot stand inside the noun phrase that names an object.
bool ends_noun_phrase(std::string_view word);

/// "object", "image", "item": nouns that say nothing about the object.
bool is_generic(std::string_view noun);

/// "bunch", "kind", "slice": in "bunch of grapes" the second noun is the object.
bool is_collective(std::string_view noun);

/// "bag", "bottle", "loaf": in "bag of rice" both are.
bool is_container(std::string_view noun);

/// A form of "to be" that a noun phrase may follow, contracted ones ("it's") included.
bool is_copula(std::string_view word);

}  // namespace persense::english
