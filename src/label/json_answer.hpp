// json_answer.hpp: the object's name, asked for and given as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "persense/label/extractor.hpp"

namespace persense::label {

/// What `response_format` is in a request: {"singular": ..., "plural": ...}, as a JSON schema.
nlohmann::json name_format();

/// The same in words, for models that are not shown the schema.
constexpr const char* name_format_in_words =
    R"(Answer in JSON: {"singular": its name in the singular, "plural": its name in the plural})";

/// The name in an answer that is or holds such JSON, also in a code fence or after reasoning;
/// nothing where the answer holds no JSON object or one without "singular". Without a plural, or
/// with an empty one, the phrase is all_phrase()'s.
/// @throws InvalidArgument  JSON that is broken, or whose name is empty, says nothing ("object") or
///   is longer than 60 bytes; reasoning that no reply follows.
std::optional<ClassLabel> label_in_json(const std::string& answer);

}  // namespace persense::label
