#include "json_answer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "json.hpp"
#include "persense/class_label.hpp"
#include "persense/detail/ascii.hpp"
#include "persense/detail/reply.hpp"
#include "text.hpp"

namespace persense::label {

using nlohmann::json;

namespace {

// A name in lower case but for abbreviations, without an article; "" where it is none.
std::string tidy(const std::string& given) {
  using detail::is_in, detail::lowered;
  constexpr std::size_t longest = 60;
  std::string name, word;
  for (std::istringstream words(given); words >> word;) {
    if (name.empty() && is_in("a an the ", lowered(word))) continue;
    if (!name.empty()) name += ' ';
    name += detail::name_case(word);
  }
  while (name.ends_with('.')) name.pop_back();
  const auto is_letter = [](unsigned char c) { return c >= 0x80 || std::isalpha(c) != 0; };
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  const bool usable =
      name.size() <= longest && std::any_of(name.begin(), name.end(), is_letter) &&
      std::none_of(name.begin(), name.end(), is_control) &&
      !is_in("object item thing image picture none nothing null unknown n/a ", name);
  return usable ? name : "";
}

}  // namespace

json name_format() {
  const json text = {{"type", "string"}};
  const json schema = {{"type", "object"},
                       {"properties", {{"singular", text}, {"plural", text}}},
                       {"required", {"singular", "plural"}},
                       {"additionalProperties", false}};
  return {{"type", "json_schema"},
          {"json_schema", {{"name", "object_name"}, {"strict", true}, {"schema", schema}}}};
}

std::optional<ClassLabel> label_in_json(const std::string& answer) {
  const std::string reply = detail::reply_in(answer);
  const std::size_t begin = reply.find('{');
  const std::size_t key =
      begin == reply.npos ? begin : reply.find_first_not_of(" \t\r\n", begin + 1);
  if (key == reply.npos || reply[key] != '"') return std::nullopt;
  const auto refuse = [&]() -> void {
    throw InvalidArgument(
        fmt::format("class label: the answer {} holds no name, expected one such as "
                    "{{\"singular\": \"potato\", \"plural\": \"potatoes\"}}",
                    label::quoted(answer)));
  };
  const std::size_t end = reply.rfind('}');
  const json object = persense::detail::parse_json(
      std::string_view(reply).substr(begin, end == reply.npos ? end : end + 1 - begin));
  if (!object.is_object()) refuse();
  if (!object.contains("singular")) return std::nullopt;
  const json plural = object.value("plural", json(""));
  if (!object["singular"].is_string() || !plural.is_string()) refuse();
  ClassLabel found{tidy(object["singular"].get<std::string>()), "", answer};
  if (found.label.empty()) refuse();
  const std::string many = plural.get<std::string>();
  found.phrase = many.empty() ? all_phrase(found.label) : "all " + tidy(many);
  if (found.phrase == "all ") refuse();
  return found;
}

}  // namespace persense::label
