// persense/io/class_names.hpp: what classes are called in files and images.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "persense/result.hpp"

namespace persense::io {

/// A name for each label. The only class without a label is an "object"; one of several is "class
/// 2", by its place.
std::vector<std::string> class_names(std::span<const std::string> labels);

/// The same of a result's classes; at least one.
std::vector<std::string> class_names(const Result& result);

/// A name as a part of a file's or a folder's: valid UTF-8; what file systems refuse (slashes,
/// colons, control characters and the like) becomes "_", and so does a first ".", which would hide
/// it.
std::string file_name_part(std::string_view name);

/// The same of several names, each another one: "a_b", "a_b_2".
std::vector<std::string> file_name_parts(std::span<const std::string> names);

/// "7 potato, 5 bean": how many instances a result has of each class. Empty where it has one class.
std::string class_counts(const Result& result);

}  // namespace persense::io
