#include "persense/io/settings.hpp"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "json.hpp"
#include "option_json.hpp"
#include "persense/error.hpp"
#include "persense/failure.hpp"
#include "persense/io/files.hpp"
#include "persense/option_table.hpp"

namespace persense::io {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

/// A member of a settings file. @throws Unreadable  it is missing, or no object.
const json& object_in(const json& content, const char* name) {
  static const json none = json::object();
  const auto at = content.find(name);
  if (at == content.end()) return none;
  if (!at->is_object())
    throw Unreadable(fmt::format("its {} are {}, expected an object", name, at->type_name()));
  return *at;
}

/// @throws Unreadable  without the file's name.
void require_format(const json& content) {
  if (!content.is_object() || !content.contains("format") || !content.contains("options"))
    throw Unreadable("not a settings file, expected an object with format and options");
  if (const auto format = persense::detail::whole_number(content["format"], 0, 1 << 30);
      format != settings_format)
    throw Unreadable(fmt::format("its format is {}, expected {}, which this version reads",
                                 persense::detail::json_text(content["format"]), settings_format));
  for (const auto& [name, value] : content.items())
    if (name != "format" && name != "options" && name != "measured")
      throw Unreadable(fmt::format("has {}, expected format, options and measured alone",
                                   persense::detail::json_text(name)));
}

Settings settings_in(const json& content) {
  require_format(content);
  std::map<std::string, std::string> given;
  Options scratch;
  for (const auto& [key, value] : object_in(content, "options").items()) {
    given[key] = persense::detail::option_text_of(key, value);
    set_option(scratch, key, given[key]);
  }
  Settings settings;
  for_each_option(scratch, [&](const char* key, auto&&...) {
    if (const auto at = given.find(key); at != given.end()) settings.options.emplace_back(*at);
  });
  const json& measured = object_in(content, "measured");
  if (const auto at = measured.find("stages"); at != measured.end() && at->is_string())
    settings.stages = at->get<std::string>();
  return settings;
}

}  // namespace

Settings read_settings(const std::filesystem::path& path) {
  const auto bytes = read_file(path);
  const auto named = [&](const char* why) {
    return one_line(fmt::format("{}: {}", path.string(), why));
  };
  try {
    const json content =
        persense::detail::parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    if (content.is_discarded()) throw Unreadable("not JSON, expected a settings file");
    return settings_in(content);
  } catch (const Unreadable& e) {
    throw Unreadable(named(e.what()));
  } catch (const InvalidArgument& e) {
    throw InvalidArgument(named(e.what()));
  }
}

void apply(Options& options, const Settings& settings) {
  for (const auto& [key, value] : settings.options) set_option(options, key, value);
}

std::string to_settings(const std::vector<std::pair<std::string, std::string>>& options,
                        std::string_view measured) {
  ordered_json values = ordered_json::object();
  Options scratch;
  for (const auto& [key, value] : options) {
    set_option(scratch, key, value);
    values[key] = persense::detail::option_is_word(key).value_or(true)
                      ? ordered_json(value)
                      : persense::detail::parse_own_json(value);
  }
  ordered_json content = {{"format", settings_format}, {"options", values}};
  if (!measured.empty()) content["measured"] = persense::detail::parse_own_json(measured);
  return persense::detail::json_text(content, 2) + "\n";
}

}  // namespace persense::io
