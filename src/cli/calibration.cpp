#include "calibration.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>

#include "clock.hpp"
#include "json.hpp"
#include "persense/error.hpp"
#include "persense/eval/truth.hpp"
#include "persense/io/files.hpp"
#include "persense/io/settings.hpp"
#include "persense/option_table.hpp"
#include "persense/version.hpp"
#include "quiet_io.hpp"
#include "workers.hpp"

namespace persense::cli {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t fewest_images = 10;  // what is chosen on fewer is chance

std::string text_in(const Options& options, const std::string& key) {
  std::string text;
  for_each_option(options, [&](std::string_view name, const auto& field, auto&&...) {
    if (name == key) text = option_text(field);
  });
  return text;
}

/// The queries whose objects are known one by one.
std::vector<std::pair<const eval::DatasetClass*, const eval::DatasetQuery*>> with_objects(
    const eval::Dataset& dataset) {
  std::vector<std::pair<const eval::DatasetClass*, const eval::DatasetQuery*>> queries;
  for (const eval::DatasetClass& c : dataset.classes)
    for (const eval::DatasetQuery& q : c.queries)
      if (q.instances || q.annotated.file) queries.emplace_back(&c, &q);
  return queries;
}

}  // namespace

std::vector<eval::TriedOption> tried_options(const Stages& stages, const Options& options) {
  if (options.method != Method::persense)
    throw InvalidArgument(fmt::format("--method {}: has no thresholds to choose, expected persense",
                                      option_text(options.method)));
  std::vector<eval::TriedOption> tried;
  if (stages.decoder == "mini")
    tried = {{"mini.same", {"0.3", "0.4", "0.6", "0.7"}},
             {"mini.quality", {"0.1", "0.35", "0.5"}},
             {"mini.same_alone", {"0.1", "0.3", "0.4"}},
             {"mini.present", {"0", "0.5", "0.9"}}};
  else
    tried = {{"filter.min_score", {"0.2", "0.4", "0.6"}},
             {"filter.min_area_ratio", {"0.1", "0.25", "0.5"}},
             {"detection.threshold", {"0.05", "0.3", "0.5"}},
             {"ppsm.norm_const", {"0.5", "1", "4"}}};
  for (eval::TriedOption& option : tried) {
    const std::string begin = text_in(options, option.key);
    std::erase(option.values, begin);
    option.values.insert(option.values.begin(), begin);
  }
  return tried;
}

EncodedImages::Encoded EncodedImages::encode(const Engine& engine, const fs::path& path,
                                             const std::optional<io::Window>& window) {
  const io::LoadedImage loaded = cli::load_image(path, {1, window});
  return {engine.encode(loaded.image.view()), loaded.window};
}

EncodedImages::Encoded EncodedImages::get(const fs::path& path,
                                          const std::optional<io::Window>& window) {
  const Key key{path, window ? window->low : 0, window ? window->high : 0};
  {
    const std::scoped_lock lock(guard_);
    if (const auto at = kept_.find(key); at != kept_.end()) return at->second;
  }
  Encoded encoded = encode(engine_, path, window);
  constexpr std::int64_t most = 24'000'000;  // pixels: with mini some 4 GB
  const std::scoped_lock lock(guard_);
  if (const std::int64_t pixels = encoded.image.size().pixels(); pixels_ + pixels <= most)
    if (kept_.emplace(key, encoded).second) pixels_ += pixels;
  return encoded;
}

Calibration::Calibration(const CalibrationRequest& request)
    : request_(request),
      dataset_(open_dataset(request.dataset)),
      queries_(with_objects(dataset_)),
      engine_(engine_from(request.stages, request.options)),
      images_(engine_),
      search_(search()) {
  print_broken(dataset_);
}

eval::CoordinateSearch Calibration::search() const {
  auto tried = tried_options(stages_from(request_.stages), engine_.options());
  std::map<fs::path, std::size_t> images;
  std::vector<eval::CalibrationQuery> queries;
  for (const auto& [c, q] : queries_)
    queries.push_back({images.try_emplace(q->image, images.size()).first->second,
                       static_cast<std::size_t>(c - dataset_.classes.data())});
  if (images.size() < std::max(fewest_images, request_.folds))
    throw InvalidArgument(fmt::format(
        "{}: {} with the truth of each object, expected {} or more: what fewer say is chance",
        request_.dataset.path.string(), plural(images.size(), "query image"),
        std::max(fewest_images, request_.folds)));
  eval::CalibrationOptions how;
  how.folds = request_.folds;
  how.bootstrap.seed = request_.dataset.request.seed.value_or(0);
  return {std::move(tried), std::move(queries), how};
}

/// As text, for each option that is tried.
std::vector<std::string> Calibration::values_of(const eval::Setting& setting) const {
  std::vector<std::string> values;
  for (std::size_t o = 0; o < setting.size(); ++o)
    values.push_back(search_.options()[o].values[setting[o]]);
  return values;
}

EngineSupport Calibration::support_of(const Engine& engine, const eval::DatasetClass& c,
                                      std::size_t index, const EngineImage& image) const {
  const eval::DatasetSupport& support = c.supports[index];
  const cv::Mat mask = cli::support_mask(support);
  std::vector<Example> examples;
  for (const Box& box : support.boxes) examples.push_back({image, box});
  if (!mask.empty()) examples.push_back({image, MaskView(mask)});
  try {
    return engine.support(examples, c.name);
  } catch (const InvalidArgument& e) {
    throw InvalidArgument(fmt::format("{}: {}", support.image.string(), e.what()));
  }
}

/// Of many supports, each is encoded when its query is there.
void Calibration::encode_supports() {
  for (const eval::DatasetClass& c : dataset_.classes) {
    shown_.emplace_back();
    if (c.supports.size() == 1)
      shown_.back() = EncodedImages::encode(engine_, c.supports[0].image, {});
  }
}

Calibration::Trial Calibration::trial_of(const eval::Setting& setting) const {
  Options options = engine_.options();
  const auto values = values_of(setting);
  for (std::size_t o = 0; o < values.size(); ++o)
    set_option(options, search_.options()[o].key, values[o]);
  Trial trial{setting, engine_.with(options), {}};
  for (std::size_t c = 0; c < shown_.size(); ++c) {
    trial.supports.emplace_back();
    if (shown_[c])
      trial.supports.back() = support_of(trial.engine, dataset_.classes[c], 0, shown_[c]->image);
  }
  return trial;
}

void Calibration::measure(std::size_t option) {
  std::vector<Trial> trials;
  for (const eval::Setting& setting : search_.wanted(option)) trials.push_back(trial_of(setting));
  if (trials.empty()) return;
  const std::string detail =
      fmt::format("{}: {}", search_.options()[option].key, plural(trials.size(), "setting"));
  for_each_job(
      queries_.size(), request_.jobs, interrupt_.token(),
      [&](std::size_t q, const std::stop_token& stop) { process(q, trials, stop, detail); });
}

void Calibration::process(std::size_t index, const std::vector<Trial>& trials,
                          const std::stop_token& stop, const std::string& detail) {
  const auto& [c, query] = queries_[index];
  const auto of_class = static_cast<std::size_t>(c - dataset_.classes.data());
  const std::string shown = c->name + "/" + query->image.filename().string();
  progress_->started(shown);
  const auto begin = Clock::now();
  const EncodedImages::Encoded support =
      shown_[of_class] ? *shown_[of_class] : images_.get(c->supports[query->support].image, {});
  const EngineImage image = images_.get(query->image, support.window).image;
  const eval::Truth truth = cli::read_truth(*query);
  std::size_t found = 0;
  for (const Trial& trial : trials) {
    RunOptions run;
    run.stop = stop;
    run.on_step = [&](Step step) { progress_->step(shown, name_of(step), 0); };
    const EngineSupport marked = trial.supports[of_class]
                                     ? *trial.supports[of_class]
                                     : support_of(trial.engine, *c, query->support, support.image);
    const Result result = trial.engine.segment(image, marked, run);
    const eval::ImageScore score = eval::score(truth, result);
    search_.add(trial.setting, index,
                {score.instances->truth, score.instances->found, score.instances->matched[0]});
    found = std::max(found, result.count());
  }
  progress_->finished(shown, found, detail, seconds_since(begin));
}

Exit Calibration::run() {
  const auto begin = Clock::now();
  const fs::path folder = request_.settings.parent_path();
  io::remove_leftovers(folder.empty() ? "." : folder);
  io::AtomicFile file(request_.settings);  // one that cannot be written is told now
  const std::size_t options = search_.options().size();
  progress_.emplace(options * queries_.size(), 0, messages());
  progress_->note("stages: " + engine_.stages());
  encode_supports();
  for (std::size_t option = 0; option < options; ++option) {
    measure(option);
    search_.choose(option);
  }
  progress_->close();
  const double seconds = seconds_since(begin);
  const eval::Gain gain = search_.gain();
  file.write(settings(gain));
  file.commit();
  report(gain, seconds);
  return Exit::ok;
}

void Calibration::report(const eval::Gain& gain, double seconds) const {
  const eval::Setting begin(search_.options().size(), 0);
  const auto before = values_of(begin), chosen = values_of(search_.chosen());
  std::string table = fmt::format(
      "{:<24} {:>10} {:>10}  F1 with each value, the others as chosen "
      "before\n",
      "option", "default", "chosen");
  for (std::size_t o = 0; o < begin.size(); ++o) {
    std::vector<std::string> tried;
    for (std::size_t v = 0; v < search_.options()[o].values.size(); ++v)
      tried.push_back(
          fmt::format("{}: {:.3f}", search_.options()[o].values[v], search_.worths()[o][v]));
    table += fmt::format("{:<24} {:>10} {:>10}  {}\n", search_.options()[o].key, before[o],
                         chosen[o], fmt::join(tried, ", "));
  }
  if (std::any_of(before.begin(), before.end(), [](const auto& v) { return v.starts_with('-'); }))
    table += "(below 0: what the archive of the network has)\n";
  print_out(table);
  print_out(fmt::format(
      "F1 on images left out of the choice: {:.3f} with the defaults, {:.3f} with what was chosen "
      "without them: {:+.3f} ({:g} % of resamples: {:+.3f} to {:+.3f})\n",
      gain.begin, gain.chosen, gain.difference(), 100 * eval::BootstrapOptions().level,
      gain.interval.low, gain.interval.high));
  if (!gain.is_certain())
    print_out("No setting is better than the defaults by more than chance: they are written.\n");
  print_out(fmt::format(
      "{} of {} in {:.0f} s; the settings file is {}\n", plural(queries_.size(), "query image"),
      dataset_.classes.size() == 1 ? "1 class" : fmt::format("{} classes", dataset_.classes.size()),
      seconds, request_.settings.string()));
}

std::string Calibration::settings(const eval::Gain& gain) const {
  const eval::Setting begin(search_.options().size(), 0);
  const bool certain = gain.is_certain();
  const auto values = values_of(certain ? search_.chosen() : begin);
  std::vector<std::pair<std::string, std::string>> options;
  auto tried = nlohmann::ordered_json::object(), chosen = nlohmann::ordered_json::object();
  for (std::size_t o = 0; o < values.size(); ++o) {
    options.emplace_back(search_.options()[o].key, values[o]);
    chosen[search_.options()[o].key] = values_of(search_.chosen())[o];
    auto& of_option = tried[search_.options()[o].key] = nlohmann::ordered_json::object();
    for (std::size_t v = 0; v < search_.options()[o].values.size(); ++v)
      of_option[search_.options()[o].values[v]] = search_.worths()[o][v];
  }
  const eval::BootstrapOptions bootstrap;
  const nlohmann::ordered_json measured = {{"version", PERSENSE_VERSION},
                                           {"stages", engine_.stages()},
                                           {"better", certain},
                                           {"f1_default", gain.begin},
                                           {"f1", gain.chosen},
                                           {"gain", gain.difference()},
                                           {"interval", {gain.interval.low, gain.interval.high}},
                                           {"level", bootstrap.level},
                                           {"resamples", bootstrap.resamples},
                                           {"seed", request_.dataset.request.seed.value_or(0)},
                                           {"folds", request_.folds},
                                           {"classes", dataset_.classes.size()},
                                           {"queries", queries_.size()},
                                           {"chosen", chosen},
                                           {"tried", tried}};
  return io::to_settings(options, detail::json_text(measured));
}

}  // namespace persense::cli
