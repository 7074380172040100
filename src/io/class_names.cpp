#include "persense/io/class_names.hpp"

#include <fmt/format.h>

namespace persense::io {

std::vector<std::string> class_names(std::span<const std::string> labels) {
  std::vector<std::string> names(labels.begin(), labels.end());
  for (std::size_t k = 0; k < names.size(); ++k)
    if (names[k].empty()) names[k] = names.size() == 1 ? "object" : fmt::format("class {}", k + 1);
  return names;
}

std::vector<std::string> class_names(const Result& result) {
  std::vector<std::string> labels;
  for (const ClassResult& c : result.classes) labels.push_back(c.label);
  if (labels.empty()) labels.emplace_back();
  return class_names(labels);
}

std::string class_counts(const Result& result) {
  std::string text;
  if (result.classes.size() < 2) return text;
  const auto names = class_names(result);
  for (std::size_t k = 0; k < names.size(); ++k)
    text += fmt::format("{}{} {}", k == 0 ? "" : ", ", result.classes[k].count, names[k]);
  return text;
}

}  // namespace persense::io
