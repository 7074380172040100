// Experiment files: read, and checked member by member.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "json.hpp"
#include "nearest.hpp"
#include "option_json.hpp"
#include "persense/error.hpp"
#include "persense/eval/dataset.hpp"
#include "persense/eval/experiment.hpp"
#include "persense/eval/marks.hpp"
#include "persense/eval/report.hpp"
#include "persense/failure.hpp"
#include "persense/io/files.hpp"

namespace persense::eval {

namespace {

using nlohmann::json;
using persense::detail::json_text;

/// "; did you mean set?", or what else is known.
std::string meant(const std::string& word, const std::vector<std::string>& known) {
  const std::string near = persense::detail::nearest(word, known);
  return near.empty() ? fmt::format("expected one of {}", persense::detail::joined(known, ", "))
                      : fmt::format("did you mean {}?", near);
}

/// A value in the file and where it stands, as a JSON pointer.
struct Node {
  const json& value;
  std::string pointer;

  [[noreturn]] void refuse(const std::string& expected) const {
    throw Unreadable(fmt::format("{}: got {}, expected {}", pointer, json_text(value), expected));
  }
  Node at(const std::string& key) const { return {value.at(key), pointer + "/" + key}; }
  bool has(const std::string& key) const { return value.contains(key); }

  std::string text() const {
    if (!value.is_string() || value.get<std::string>().empty()) refuse("a text");
    return value.get<std::string>();
  }
  double number() const {
    constexpr double most = 1e9;  // so that plots have room for it
    if (!value.is_number() || !(std::abs(value.get<double>()) <= most)) refuse("a number");
    return value.get<double>();
  }
  int whole(int least, int most) const {
    const auto number = persense::detail::whole_number(value, least, most);
    if (!number) refuse(fmt::format("a whole number from {} to {}", least, most));
    return static_cast<int>(*number);
  }
  /// @param known  members that it may have.
  const Node& object(const std::vector<std::string>& known) const {
    if (!value.is_object()) refuse("an object");
    for (const auto& [key, unused] : value.items())
      if (std::find(known.begin(), known.end(), key) == known.end())
        throw Unreadable(fmt::format("{}/{}: unknown; {}", pointer, key, meant(key, known)));
    return *this;
  }
  std::vector<Node> list() const {
    if (!value.is_array()) refuse("a list");
    std::vector<Node> nodes;
    for (std::size_t i = 0; i < value.size(); ++i)
      nodes.push_back({value[i], fmt::format("{}/{}", pointer, i)});
    return nodes;
  }
  Node require(const char* key) const {
    if (!has(key)) throw Unreadable(fmt::format("{}/{}: missing", pointer, key));
    return at(key);
  }
  std::string word(const std::vector<std::string>& known) const {
    std::string given = text();
    if (std::find(known.begin(), known.end(), given) == known.end())
      throw Unreadable(
          fmt::format("{}: got {}; {}", pointer, json_text(value), meant(given, known)));
    return given;
  }
};

/// What a call throws, with the place in the file.
template <class Call>
auto in_place(const Node& node, Call&& call) {
  try {
    return call();
  } catch (const InvalidArgument& e) {
    throw InvalidArgument(fmt::format("{}: {}", node.pointer, e.what()));
  }
}

void require_new(std::set<std::string>& names, const Node& node, const std::string& name) {
  if (!names.insert(name).second)
    throw InvalidArgument(fmt::format("{}: \"{}\" is there twice", node.pointer, name));
}

std::vector<std::string> measures() {
  std::vector<std::string> keys;
  for (const ScoreName& name : score_names()) keys.push_back(name.key);
  keys.insert(keys.end(), {"seconds", "memory_mb"});
  return keys;
}

std::vector<std::string> option_keys() {
  std::vector<std::string> keys;
  const Options any;
  for_each_option(any, [&](const char* key, auto&&...) { keys.emplace_back(key); });
  return keys;
}

Experiment::Values values_in(const Node& node, const Experiment& experiment) {
  std::vector<std::string> known;
  for (const auto& column : experiment.published) known.push_back(column.name);
  node.object(known);
  Experiment::Values values;
  for (const auto& [key, unused] : node.value.items()) values[key] = node.at(key).number();
  return values;
}

std::vector<std::pair<std::string, std::string>> settings_in(const Node& node) {
  if (!node.value.is_object()) node.refuse("an object");
  const auto known = option_keys();
  std::vector<std::pair<std::string, std::string>> settings;
  Options scratch;
  for (const auto& [key, value] : node.value.items()) {
    const Node one = node.at(key);
    if (std::find(known.begin(), known.end(), key) == known.end())
      throw InvalidArgument(fmt::format("{}: unknown option; {}", one.pointer,
                                        persense::detail::nearest(key, known).empty()
                                            ? "`persense options` lists all"
                                            : meant(key, known)));
    settings.emplace_back(
        key, in_place(one, [&] { return persense::detail::option_text_of(key, value); }));
    in_place(one, [&] { set_option(scratch, key, settings.back().second); });
  }
  return settings;
}

Experiment::Variant variant_in(const Node& node, const Experiment& experiment) {
  node.object({"name", "series", "x", "preset", "method", "set", "mark", "examples", "paper"});
  Experiment::Variant variant;
  variant.name = node.require("name").text();
  if (node.has("series")) variant.series = node.at("series").text();
  if (node.has("x")) variant.x = node.at("x").number();
  if (node.has("preset")) {
    variant.preset = node.at("preset").text();
    in_place(node.at("preset"), [&] { return Options::preset(variant.preset); });
  }
  if (node.has("method")) {
    std::vector<std::string> methods(std::begin(persense::detail::EnumNames<Method>::names),
                                     std::end(persense::detail::EnumNames<Method>::names));
    variant.method = node.at("method").word(methods);
  }
  if (node.has("set")) variant.settings = settings_in(node.at("set"));
  if (node.has("mark")) {
    variant.mark = node.at("mark").text();
    in_place(node.at("mark"), [&] { return mark_kind(variant.mark); });
  }
  if (node.has("examples")) variant.examples = node.at("examples").whole(1, 100);
  if (node.has("paper")) variant.published = values_in(node.at("paper"), experiment);
  return variant;
}

void read_data_sets(const Node& node, Experiment& experiment) {
  std::set<std::string> names;
  for (const Node& one : node.list()) {
    one.object({"name", "format", "folds"});
    Experiment::DataSet set{one.require("name").text()};
    require_new(names, one, set.name);
    if (one.has("format")) {
      set.format = one.at("format").text();
      in_place(one.at("format"), [&] { return format_of(set.format); });
    }
    if (one.has("folds")) set.folds = one.at("folds").whole(1, 10);
    experiment.data_sets.push_back(set);
  }
}

void read_published(const Node& node, Experiment& experiment) {
  std::set<std::string> names;
  for (const Node& one : node.list()) {
    one.object({"name", "data_set", "measure", "source"});
    experiment.published.push_back({one.require("name").text(), one.require("data_set").text(),
                                    one.require("measure").word(experiment.columns),
                                    one.require("source").text()});
    require_new(names, one, experiment.published.back().name);
  }
}

void read_plot(const Node& node, Experiment& experiment) {
  node.object({"kind", "measure", "x_title"});
  Experiment::Plot plot;
  plot.lines = node.require("kind").word({"lines", "bars"}) == "lines";
  plot.measure = node.require("measure").word(experiment.columns);
  if (plot.lines) {
    plot.x_title = node.require("x_title").text();
    for (std::size_t i = 0; i < experiment.variants.size(); ++i)
      if (!experiment.variants[i].x)
        throw Unreadable(fmt::format("/variants/{}/x: missing, expected a number for the plot", i));
  }
  experiment.plot = plot;
}

void read_variants(const Node& root, Experiment& experiment) {
  std::set<std::string> names;
  for (const Node& one : root.require("variants").list()) {
    experiment.variants.push_back(variant_in(one, experiment));
    require_new(names, one, experiment.variants.back().name);
  }
  if (experiment.variants.empty()) root.at("variants").refuse("one variant at least");
  if (root.has("quoted"))
    for (const Node& one : root.at("quoted").list()) {
      one.object({"name", "paper"});
      experiment.quoted.push_back(
          {one.require("name").text(), values_in(one.require("paper"), experiment)});
      require_new(names, one, experiment.quoted.back().name);
    }
  if (root.has("reference")) {
    experiment.reference = root.at("reference").text();
    std::vector<std::string> known;
    for (const auto& variant : experiment.variants) known.push_back(variant.name);
    root.at("reference").word(known);
  }
}

Experiment experiment_in(const json& content) {
  const Node root{content, ""};
  if (!content.is_object()) throw Unreadable("not an experiment file, expected an object");
  root.object({"format", "title", "source", "columns", "rows", "reference", "data_sets", "paper",
               "variants", "quoted", "plot", "notes"});
  root.require("format").whole(experiment_format, experiment_format);
  Experiment experiment;
  experiment.title = root.require("title").text();
  experiment.source = root.require("source").text();
  std::set<std::string> columns;
  for (const Node& one : root.require("columns").list()) {
    experiment.columns.push_back(one.word(measures()));
    require_new(columns, one, experiment.columns.back());
  }
  if (experiment.columns.empty()) root.at("columns").refuse("one measure at least");
  if (root.has("rows"))
    experiment.by_class = root.at("rows").word({"variants", "classes"}) == "classes";
  if (root.has("data_sets")) read_data_sets(root.at("data_sets"), experiment);
  if (root.has("paper")) read_published(root.at("paper"), experiment);
  read_variants(root, experiment);
  if (root.has("plot")) read_plot(root.at("plot"), experiment);
  if (root.has("notes"))
    for (const Node& one : root.at("notes").list()) experiment.notes.push_back(one.text());
  return experiment;
}

}  // namespace

Experiment read_experiment(const std::filesystem::path& path) {
  const auto bytes = io::read_file(path);
  const auto named = [&](const char* why) {
    return one_line(fmt::format("{}: {}", path.string(), why));
  };
  try {
    const json content =
        persense::detail::parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    if (content.is_discarded()) throw Unreadable("not JSON, expected an experiment file");
    Experiment experiment = experiment_in(content);
    experiment.name = path.stem().string();
    return experiment;
  } catch (const Unreadable& e) {
    throw Unreadable(named(e.what()));
  } catch (const InvalidArgument& e) {
    throw InvalidArgument(named(e.what()));
  }
}

}  // namespace persense::eval
