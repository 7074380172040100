#include "experiment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "console.hpp"
#include "interrupt.hpp"
#include "own_processes.hpp"
#include "persense/error.hpp"
#include "persense/io/class_names.hpp"
#include "persense/io/files.hpp"
#include "persense/io/images.hpp"

namespace persense::cli {

namespace fs = std::filesystem;

namespace {

/// A path's own name, without the extension of a file.
std::string name_of_path(const fs::path& path) {
  std::error_code ignored;
  const fs::path full = fs::weakly_canonical(path, ignored);
  return (fs::is_directory(full, ignored) ? full.filename() : full.stem()).string();
}

/// What is wrong is said before anything is run.
const eval::Experiment& checked(const eval::Experiment& experiment, const fs::path& file) {
  std::set<std::string> names;
  for (const auto& variant : experiment.variants)
    if (!names.insert(io::file_name_part(variant.name)).second)
      throw InvalidArgument(fmt::format(
          "{}: variant \"{}\": another one has this name but for what file names cannot hold, "
          "expected a name that its record can have",
          file.string(), variant.name));
  return experiment;
}

}  // namespace

ExperimentRunner::ExperimentRunner(const ExperimentRequest& request)
    : request_(request), experiment_(checked(eval::read_experiment(request.file), request.file)) {
  for (const auto& variant : experiment_.variants) {
    const OptionFlags flags = flags_of(variant);
    Options options = preset_of(flags);
    apply_settings(options, flags);
  }
  for (const std::string& argument : request.data_sets) open(argument);
  if (sets_.size() > 1 && !request.dataset.request.episode_list.empty())
    throw InvalidArgument(
        fmt::format("--episode-list: got {} data sets or folds, expected one", sets_.size()));
}

/// The variant's options over those of the command line.
OptionFlags ExperimentRunner::flags_of(const eval::Experiment::Variant& variant) const {
  OptionFlags flags = request_.options;
  flags.preset = variant.preset;
  flags.method = variant.method;
  for (const auto& [key, value] : variant.settings) flags.settings.push_back(key + "=" + value);
  return flags;
}

void ExperimentRunner::open(const std::string& argument) {
  DatasetFlags flags = request_.dataset;
  std::string name;
  const auto equals = argument.find('=');
  if (equals != argument.npos && !fs::exists(argument)) {
    name = argument.substr(0, equals);
    flags.path = argument.substr(equals + 1);
  } else {
    flags.path = argument;
    name = name_of_path(argument);
  }
  if (name.empty() || flags.path.empty())
    throw InvalidArgument(fmt::format(
        "DATASET: got \"{}\", expected a path, or NAME=PATH with a name of the experiment's",
        argument));
  const auto declared = std::find_if(experiment_.data_sets.begin(), experiment_.data_sets.end(),
                                     [&](const auto& set) { return set.name == name; });
  if (declared == experiment_.data_sets.end()) return open_one(flags, name);
  if (declared->format != "auto") flags.format = declared->format;
  if (declared->folds == 0) return open_one(flags, name);
  for (int fold = 0; fold < declared->folds; ++fold) {
    flags.request.fold = fold;
    open_one(flags, name);
  }
}

void ExperimentRunner::open_one(const DatasetFlags& flags, const std::string& name) {
  OpenedDataSet set{name, flags.request.fold, flags.request.seed.value_or(0), open_dataset(flags)};
  for (const OpenedDataSet& other : sets_)
    if (io::file_name_part(other.label()) == io::file_name_part(set.label()))
      throw InvalidArgument(fmt::format(
          "DATASET: got two with the name {}, expected NAME=PATH to tell them apart", set.label()));
  print_broken(set.dataset);
  sets_.push_back(std::move(set));
}

std::vector<ExperimentRunner::Run> ExperimentRunner::runs() const {
  std::vector<Run> all;
  for (const OpenedDataSet& set : sets_)
    for (std::size_t v = 0; v < experiment_.variants.size(); ++v) {
      const bool first_is_example = experiment_.variants[v].examples > 0;
      all.push_back({v, &set,
                     set.dataset.query_count() -
                         (first_is_example ? set.dataset.classes.size() : std::size_t{0})});
    }
  return all;
}

fs::path ExperimentRunner::record_of(const Run& run) const {
  return request_.folder / experiment_.name /
         fmt::format("{}@{}.json", io::file_name_part(experiment_.variants[run.variant].name),
                     io::file_name_part(run.set->label()));
}

Exit ExperimentRunner::measure(const Run& run, std::size_t total, std::size_t already) const {
  const Interrupt interrupt;
  const auto& variant = experiment_.variants[run.variant];
  const OptionFlags flags = flags_of(variant);
  const Stages stages = stages_from(request_.stages);
  const Options options = options_from(flags, stages);
  const auto identity = identity_of(variant, *run.set, stages, options);
  const std::string shown = fmt::format("{} on {}", variant.name, run.set->label());
  if (request_.resume && is_recorded(record_of(run), identity)) {
    print_note(shown + ": was measured before");
    return Exit::ok;
  }
  const Engine engine(stages, options);
  DatasetScoring scoring(run.set->dataset, engine,
                         {variant.mark, variant.examples, 0, request_.jobs, /*notes=*/false});
  scoring.prepare();
  Progress progress(total, already, messages());
  progress.note(fmt::format("{}: {}", shown, engine.stages()));
  scoring.run(progress, interrupt.token());
  progress.close();
  const eval::Report report = scoring.report(eval::Resample::off, run.set->seed);
  io::write_file(record_of(run),
                 to_record(identity, {request_.jobs, request_.stages.threads}, scoring, report));
  return Exit::ok;
}

Exit ExperimentRunner::run() {
  const fs::path records = request_.folder / experiment_.name;
  std::error_code error;
  fs::create_directories(records, error);
  if (error) throw Unwritable(fmt::format("{}: {}", records.string(), error.message()));
  for (const fs::path& folder : {request_.folder, records}) io::remove_leftovers(folder);
  const std::vector<Run> all = runs();
  std::size_t total = 0, already = 0;
  for (const Run& run : all) total += run.queries;
  std::vector<eval::ExperimentRun> results;
  OwnProcesses processes;
  for (const Run& run : all) {
    const std::string& name = experiment_.variants[run.variant].name;
    const Exit exit = processes.run(name, [&] { return measure(run, total, already); });
    if (exit == Exit::interrupted) print_note("--resume goes on with the runs that are left");
    if (exit != Exit::ok) return exit;
    already += run.queries;
    results.push_back(read_record(record_of(run), run.variant, *run.set));
  }
  write(results);
  return Exit::ok;
}

void ExperimentRunner::write(const std::vector<eval::ExperimentRun>& results) const {
  const auto file = [&](const char* extension) {
    return request_.folder / (experiment_.name + extension);
  };
  const std::string table = eval::to_markdown(experiment_, results);
  io::write_file(file(".md"), table);
  io::write_file(file(".csv"), eval::to_csv(experiment_, results));
  if (experiment_.plot)
    io::write_png(file(".png"), io::render_plot(eval::to_plot(experiment_, results)));
  print_out(table);
}

}  // namespace persense::cli
