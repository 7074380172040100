// persense/io/class_names.hpp: what classes are called in files and images.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "persense/result.hpp"

namespace persense::io {

/// A name for each label. The only class without a label is an "object"; one of several is "class
/// 2", by its place.
std::vector<std::string> class_names(std::span<const std::string> labels);

/// The same of a result's classes; at least one.
std::vector<std::string> class_names(const Result& result);

/// "7 potato, 5 bean": how many instances a result has of each class. Empty where it has one class.
std::string class_counts(const Result& result);

}  // namespace persense::io
