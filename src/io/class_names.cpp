#include "persense/io/class_names.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "persense/detail/utf8.hpp"

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

std::string file_name_part(std::string_view name) {
  constexpr std::string_view refused = "/\\:*?\"<>|";
  std::string text;
  for (std::size_t at = 0; at < name.size();) {
    const std::size_t length = persense::detail::utf8_length(name, at);
    const bool is_control = static_cast<unsigned char>(name[at]) < ' ' || name[at] == '\x7F';
    const bool hides = at == 0 && name[at] == '.';
    if (length == 0 || is_control || hides || refused.find(name[at]) != refused.npos)
      text += '_';
    else
      text += name.substr(at, length);
    at += std::max<std::size_t>(length, 1);
  }
  return text;
}

std::vector<std::string> file_name_parts(std::span<const std::string> names) {
  std::vector<std::string> parts;
  for (const std::string& name : names) {
    const std::string part = file_name_part(name);
    std::string unique = part;
    for (int i = 2; std::find(parts.begin(), parts.end(), unique) != parts.end(); ++i)
      unique = fmt::format("{}_{}", part, i);
    parts.push_back(std::move(unique));
  }
  return parts;
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
