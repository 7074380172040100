#include "experiment_record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "console.hpp"
#include "fingerprint.hpp"
#include "json.hpp"
#include "machine.hpp"
#include "own_processes.hpp"
#include "persense/error.hpp"
#include "persense/io/files.hpp"
#include "persense/option_table.hpp"
#include "persense/version.hpp"

namespace persense::cli {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

std::string OpenedDataSet::label() const {
  return fold ? fmt::format("{} F{}", name, *fold) : name;
}

namespace {

std::string to_text(const ordered_json& value) {
  return persense::detail::json_text(value, 2) + "\n";
}

/// Of every network that fills a slot: its file's name, size and fingerprint.
ordered_json models_of(const Stages& stages) {
  auto models = ordered_json::object();
  const auto add = [&](const char* slot, const std::string& name) {
    if (name == "classic") return;
    if (name != "mini" || !stages.mini.empty()) {
      const fs::path file = name == "mini" ? stages.mini : name;
      models[slot] =
          fmt::format("{}, FNV-1a {}", file.filename().string(), fingerprint_of_file(file));
    } else {
      models[slot] = fmt::format("mini, FNV-1a {}", fingerprint(Engine::mini().bytes));
    }
  };
  add("encoder", stages.encoder);
  add("detector", stages.detector);
  add("dmg", stages.dmg);
  add("decoder", stages.decoder);
  return models;
}

/// Names, sizes and times of all files of a data set.
std::string files_of(const eval::Dataset& dataset) {
  Fingerprint files;
  const auto add = [&](const fs::path& path) {
    std::error_code ignored;
    files.add(fmt::format("{} {} {}\n", path.filename().string(), fs::file_size(path, ignored),
                          fs::last_write_time(path, ignored).time_since_epoch().count()));
  };
  for (const auto& c : dataset.classes) {
    files.add(c.name + "\n");
    for (const auto& support : c.supports) {
      add(support.image);
      if (support.mask) add(*support.mask);
      if (support.labelled) add(support.labelled->labels);
      for (const auto object : support.annotated.objects) files.add(fmt::format("{}\n", object));
    }
    for (const auto& query : c.queries) {
      add(query.image);
      if (query.mask) add(*query.mask);
      if (query.instances) add(*query.instances);
      for (const auto object : query.annotated.objects) files.add(fmt::format("{}\n", object));
    }
  }
  return files.text();
}

ordered_json options_as_json(const Options& options) {
  auto all = ordered_json::object();
  for_each_option(options, [&](const char* key, const auto& field, auto&&...) {
    all[key] = option_text(field);
  });
  return all;
}

}  // namespace

ordered_json identity_of(const eval::Experiment::Variant& variant, const OpenedDataSet& set,
                         const Stages& stages, const Options& options) {
  ordered_json data_set = {{"name", set.name},
                           {"format", set.dataset.format},
                           {"seed", set.seed},
                           {"classes", set.dataset.classes.size()},
                           {"queries", set.dataset.query_count()},
                           {"files", files_of(set.dataset)}};
  if (set.fold) data_set["fold"] = *set.fold;
  return {{"version", PERSENSE_VERSION},
          {"variant", variant.name},
          {"preset", variant.preset},
          {"mark", variant.mark},
          {"examples", variant.examples},
          {"options", options_as_json(options)},
          {"stages",
           {{"encoder", stages.encoder},
            {"detector", stages.detector},
            {"dmg", stages.dmg},
            {"decoder", stages.decoder},
            {"device", stages.device},
            {"dtype", stages.dtype}}},
          {"models", models_of(stages)},
          {"data_set", data_set}};
}

namespace {

ordered_json image_of(const ScoredQuery& query) {
  const eval::ImageScore& score = query.score;
  ordered_json image = {{"class", query.of_class->name},
                        {"image", query.query->image.filename().string()},
                        {"seconds", query.seconds}};
  if (score.pixels > 0) {
    image["intersection_pixels"] = score.intersection_pixels;
    image["union_pixels"] = score.union_pixels;
  }
  if (score.instances) {
    image["truth"] = score.instances->truth;
    image["found"] = score.instances->found;
    image["matched"] = score.instances->matched;  // at IoU 0.50, 0.55, ..., 0.95
    image["iou_sum"] = score.instances->iou_sum;
  } else if (score.count) {
    image["truth"] = score.count->truth;
    image["found"] = score.count->found;
  }
  return image;
}

}  // namespace

std::string to_record(const ordered_json& identity, const RunConditions& conditions,
                      const DatasetScoring& scoring, const eval::Report& report) {
  ordered_json record = {{"format", 1},
                         {"run", identity},
                         {"machine", machine()},
                         {"jobs", conditions.jobs},
                         {"threads", conditions.threads}};
  record.update(persense::detail::parse_own_json(eval::to_json(report)));
  for (const ScoredQuery& query : scoring.queries()) {
    auto& of_class = record["classes"][query.of_class->name];
    if (!of_class.contains("seconds"))
      of_class["seconds"] = scoring.seconds_per_image(query.of_class);
    record["images"].push_back(image_of(query));
  }
  record["mean"]["seconds"] = scoring.seconds_per_image(nullptr);
  record["mean"]["memory_mb"] = peak_memory_mb();
  return to_text(record);
}

namespace {

/// @throws FileNotFound, Unreadable.
json parsed(const fs::path& file) {
  const auto bytes = io::read_file(file);
  json record =
      persense::detail::parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!record.is_object() || !record.contains("run"))
    throw Unreadable(fmt::format("{}: not a run of an experiment", file.string()));
  return record;
}

eval::Measured measured_in(const json& values) {
  eval::Measured measured;
  for (const auto& [key, value] : values.items())
    if (value.is_number()) measured[key] = value.get<double>();
  return measured;
}

/// The options that the paper's preset does not have.
std::string other_options(const json& options) {
  std::string text;
  const Options paper;
  for_each_option(paper, [&](const char* key, const auto& field, auto&&...) {
    if (const auto value = options.value(key, ""); value != option_text(field))
      text += fmt::format("{}{}={}", text.empty() ? "" : " ", key, value);
  });
  return text.empty() ? "those of the preset paper" : text;
}

/// What the slots hold, in one line; equal values once, for all slots that have them.
std::string slots_of(const json& values) {
  std::vector<std::pair<std::string, std::string>> by_value;
  for (const char* slot : {"encoder", "detector", "dmg", "decoder"}) {
    const auto text = values.value(slot, "");
    if (text.empty()) continue;
    const auto at = std::find_if(by_value.begin(), by_value.end(),
                                 [&](const auto& one) { return one.first == text; });
    if (at == by_value.end())
      by_value.emplace_back(text, slot);
    else
      at->second += std::string(", ") + slot;
  }
  std::string line;
  for (const auto& [text, slots] : by_value)
    line += fmt::format("{}{}: {}", line.empty() ? "" : "; ", slots, text);
  return line.empty() ? "none" : line;
}

std::string conditions_of(const json& record) {
  const int jobs = record.at("jobs"), threads = record.at("threads");
  return fmt::format(
      "{} at once, {}", plural(static_cast<std::size_t>(jobs), "image"),
      threads == 0 ? "threads by default" : plural(static_cast<std::size_t>(threads), "thread"));
}

}  // namespace

bool is_recorded(const fs::path& file, const ordered_json& identity) {
  try {
    // as text, so that numbers are compared as they were written
    return parsed(file).at("run") == persense::detail::parse_json(to_text(identity));
  } catch (const Error&) {  // none, or none that can be read: it is run
    return false;
  }
}

eval::ExperimentRun read_record(const fs::path& file, std::size_t variant,
                                const OpenedDataSet& set) {
  const json record = parsed(file);
  try {
    const json& run = record.at("run");
    eval::ExperimentRun read{variant, set.name, set.fold, record.at("mean").at("images"),
                             {},      {},       {}};
    read.mean = measured_in(record.at("mean"));
    for (const auto& c : set.dataset.classes)
      if (const auto& classes = record.at("classes"); classes.contains(c.name))
        read.classes.emplace_back(c.name, measured_in(classes.at(c.name)));
    const json& stages = run.at("stages");
    const std::string device = stages.at("device"), dtype = stages.at("dtype");
    read.about = {{"version", "persense " + run.at("version").get<std::string>()},
                  {"stages", fmt::format("{} ({}, {})", slots_of(stages), device, dtype)},
                  {"models", slots_of(run.at("models"))},
                  {"options", other_options(run.at("options"))},
                  {"machine", record.at("machine").get<std::string>()},
                  {"conditions", conditions_of(record)}};
    return read;
  } catch (const json::exception&) {
    throw Unreadable(fmt::format("{}: not a run of an experiment", file.string()));
  }
}

}  // namespace persense::cli
