#include "run_facts.hpp"

#include <fmt/format.h>

#include <map>

#include "persense/option_table.hpp"

namespace persense::cli {

namespace {

std::string differing_options(const Options& options, const Options& preset) {
  std::map<std::string, std::string> usual;
  for_each_option(preset, [&](const char* key, const auto& field, auto&&...) {
    usual[key] = option_text(field);
  });
  std::string text;
  for_each_option(options, [&](const char* key, const auto& field, auto&&...) {
    if (const std::string value = option_text(field); value != usual[key])
      text += fmt::format("{}{}={}", text.empty() ? "" : ", ", key, value);
  });
  return text.empty() ? "none" : text;
}

/// The folder or file that a data set is named after.
std::string name_of(std::filesystem::path path) {
  path = path.lexically_normal();
  if (path.filename().empty()) path = path.parent_path();  // "DIR/"
  return path.filename() == "." ? "data set" : path.filename().string();
}

}  // namespace

eval::ReportedRun run_facts(const EvalRequest& request, const eval::Dataset& dataset,
                            const Engine& engine) {
  eval::ReportedRun run{name_of(request.dataset.path), {}};
  const auto add = [&run](const char* name, std::string value) {
    run.facts.emplace_back(name, std::move(value));
  };
  add("data set", request.dataset.path.string());
  add("format", dataset.format);
  if (request.dataset.request.fold) add("fold", std::to_string(*request.dataset.request.fold));
  add("seed", std::to_string(request.dataset.request.seed.value_or(0)));
  if (!dataset.broken.empty()) add("annotations left out", std::to_string(dataset.broken.size()));
  add("marked by", request.scoring.mark);
  if (request.scoring.examples > 0) add("examples", std::to_string(request.scoring.examples));
  add("stages", engine.stages());
  const bool plus_plus = request.options.method == "plus_plus";  // which is the preset's name
  add("preset", plus_plus ? request.options.method : request.options.preset);
  add("options that differ", differing_options(engine.options(), preset_of(request.options)));
  return run;
}

}  // namespace persense::cli
