#include "evaluation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "clock.hpp"
#include "persense/error.hpp"
#include "persense/io/files.hpp"
#include "quiet_io.hpp"
#include "workers.hpp"

namespace persense::cli {

namespace fs = std::filesystem;

namespace {

std::size_t fewest_queries(const eval::Dataset& dataset) {
  std::size_t fewest = dataset.classes.empty() ? 0 : dataset.classes.front().queries.size();
  for (const auto& c : dataset.classes) fewest = std::min(fewest, c.queries.size());
  return fewest;
}

/// What is wrong with the options is said before anything is opened.
const EvalRequest& checked(const EvalRequest& request) {
  Options options = Options::preset(request.options.preset);
  apply_settings(options, request.options);
  return request;
}

}  // namespace

Evaluation::Evaluation(const EvalRequest& request)
    : request_(checked(request)),
      mark_(eval::mark_kind(request.mark)),
      dataset_(open_dataset(request.dataset)),
      over_(
          eval::resample_of(request.intervals, dataset_.classes.size(), fewest_queries(dataset_))),
      engine_(engine_from(request.stages, request.options)) {
  print_broken(dataset_);
}

void Evaluation::prepare() {
  if (!request_.labels.empty())
    for (const auto& c : dataset_.classes) io::remove_leftovers(request_.labels / c.name);
  if (!request_.json.empty())
    io::remove_leftovers(request_.json.has_parent_path() ? request_.json.parent_path() : ".");
  const std::size_t first = request_.examples > 0 ? 1 : 0;  // the one that shows the examples
  for (const auto& c : dataset_.classes) {
    // with many supports, each is made when its query is there
    shared_.emplace_back();
    if (c.supports.size() == 1) shared_.back() = prepare(c, 0);
    for (std::size_t q = first; q < c.queries.size(); ++q) jobs_.push_back({&c, &c.queries[q]});
  }
}

// Masks of further examples in the first query of a class.
std::vector<cv::Mat> Evaluation::further_examples(const eval::DatasetClass& c) const {
  const auto& query = c.queries.front();
  if (c.supports.size() > 1 || c.queries.size() < 2 || !query.instances)
    throw InvalidArgument(
        fmt::format("--examples: {}: expected at least two queries, the first of them with "
                    "instance truth",
                    c.name));
  const int wanted = request_.examples - 1;
  std::vector<cv::Mat> masks = eval::typical_objects(cli::read_labels(*query.instances), wanted);
  if (static_cast<int>(masks.size()) < wanted)
    throw InvalidArgument(fmt::format("--examples: {}: got {} objects, expected at least {}",
                                      query.instances->string(), masks.size(), wanted));
  return masks;
}

namespace {

/// What marks a support, for messages.
std::string marked_by(const eval::DatasetSupport& support) {
  if (support.mask) return support.mask->string();
  return support.labelled ? support.labelled->labels.string() : support.image.string();
}

}  // namespace

Evaluation::Prepared Evaluation::prepare(const eval::DatasetClass& c, std::size_t index) const {
  const eval::DatasetSupport& support = c.supports[index];
  const io::LoadedImage loaded = cli::load_image(support.image, {});
  const Image& image = loaded.image;
  const cv::Mat mask = cli::support_mask(support);
  const bool several = request_.examples > 0;
  const std::vector<cv::Mat> masks = several ? further_examples(c) : std::vector<cv::Mat>();
  const Image query =
      several ? cli::load_image(c.queries.front().image, {1, loaded.window}).image : Image();
  if (!masks.empty() && masks.front().size() != query.mat().size())
    throw InvalidArgument(fmt::format(
        "{}: got {}, expected {} as the image has", c.queries.front().instances->string(),
        to_string(MaskView(masks.front()).size()), to_string(query.size())));
  try {
    std::vector<eval::MadeMark> marks;  // what the examples view
    std::vector<Example> examples;
    for (const Box& box : support.boxes) examples.push_back({image.view(), box});
    if (!mask.empty()) {
      marks.push_back(eval::make_mark(MaskView(mask), mark_));
      examples.push_back({image.view(), marks.back().mark});
    }
    for (const cv::Mat& one : masks) {
      marks.push_back(eval::make_mark(MaskView(one), mark_));
      examples.push_back({query.view(), marks.back().mark});
    }
    return {engine_.support(examples, c.name), loaded.window};
  } catch (const InvalidArgument& e) {
    throw InvalidArgument(fmt::format("{}: {}", marked_by(support), e.what()));
  }
}

Exit Evaluation::run() {
  prepare();
  progress_.emplace(jobs_.size(), 0, messages());
  progress_->note("stages: " + engine_.stages());
  for (std::size_t i = 0; i < shared_.size(); ++i)
    if (shared_[i])
      for (const auto& note : shared_[i]->support.info().notes)
        progress_->note(dataset_.classes[i].name + ": " + note);
  for_each_job(jobs_.size(), request_.jobs, interrupt_.token(),
               [this](std::size_t i, const std::stop_token& stop) { process(jobs_[i], stop); });
  progress_->close();
  report();
  return Exit::ok;
}

void Evaluation::process(ScoredQuery& job, const std::stop_token& stop) {
  const std::string shown = job.of_class->name + "/" + job.query->image.filename().string();
  progress_->started(shown);
  const auto index = static_cast<std::size_t>(job.of_class - dataset_.classes.data());
  const Prepared support =
      shared_[index] ? *shared_[index] : prepare(*job.of_class, job.query->support);
  const Image image = cli::load_image(job.query->image, {1, support.window}).image;
  const auto begin = std::chrono::steady_clock::now();
  RunOptions run;
  run.stop = stop;
  run.on_step = [&](Step step) { progress_->step(shown, name_of(step), 0); };
  run.on_progress = [&](Step step, double part) { progress_->step(shown, name_of(step), part); };
  const Result result = engine_.segment(support.support, image.view(), run);
  job.seconds = seconds_since(begin);
  job.score = eval::score(cli::read_truth(*job.query), result, request_.most);
  if (request_.released) job.released = released(job, result);
  if (job.score.instances) job.reliability.add(result.instances, *job.score.instances);
  if (!request_.labels.empty()) write_labels(job, result);
  progress_->notes(shown, result.notes, support.support.info().notes);
  progress_->finished(shown, result.count(), "", job.seconds);
}

std::optional<eval::ReferencePixels> Evaluation::released(const ScoredQuery& job,
                                                          const Result& result) const {
  if (!job.query->mask)
    throw InvalidArgument(fmt::format("--released: {} has no union mask, expected NN.png",
                                      job.query->image.string()));
  const fs::path& truth = *job.query->mask;
  const fs::path spelled = fs::path(job.of_class->name) / truth.filename();
  return eval::reference_pixels(truth, spelled,
                                io::label_image(result.image_size, result.instances) > 0);
}

void Evaluation::write_labels(const ScoredQuery& job, const Result& result) const {
  const fs::path folder = request_.labels / job.of_class->name;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw Unwritable(fmt::format("{}: {}", folder.string(), error.message()));
  io::write_labels_png(folder / (job.query->name + "_labels.png"), result);
}

namespace {

// Seconds an image of one class, or of all: reading and writing not counted.
double seconds_per_image(const std::vector<ScoredQuery>& jobs, const eval::DatasetClass* of_class) {
  double sum = 0, count = 0;
  for (const ScoredQuery& job : jobs)
    if (of_class == nullptr || job.of_class == of_class) sum += job.seconds, ++count;
  return sum / count;
}

}  // namespace

eval::Report Evaluation::report_of_all() const {
  std::vector<eval::ScoredClass> classes;
  for (const auto& c : dataset_.classes) {
    eval::ScoredClass scored{c.name, {}};
    for (const ScoredQuery& job : jobs_)
      if (job.of_class == &c) scored.images.push_back(job.score);
    classes.push_back(std::move(scored));
  }
  eval::BootstrapOptions options;
  options.seed = request_.dataset.request.seed.value_or(0);
  return eval::report_of(classes, over_, options);
}

// Of every class that the script would score, then their mean.
std::vector<std::pair<std::string, double>> Evaluation::released_ious() const {
  std::vector<std::pair<std::string, double>> ious;
  double mean = 0;
  for (const auto& c : dataset_.classes) {
    double intersection = 0, joined = 1e-10;
    for (const ScoredQuery& job : jobs_)
      if (job.of_class == &c && job.released) {
        intersection += static_cast<double>(job.released->intersection);
        joined += static_cast<double>(job.released->union_);
      }
    ious.emplace_back(c.name, intersection / joined);
    mean += ious.back().second / static_cast<double>(dataset_.classes.size());
  }
  ious.emplace_back("mean", mean);
  return ious;
}

void Evaluation::report() const {
  const eval::Report report = report_of_all();
  std::vector<double> seconds;
  for (const auto& c : dataset_.classes) seconds.push_back(seconds_per_image(jobs_, &c));
  seconds.push_back(seconds_per_image(jobs_, nullptr));
  print_out(eval::to_table(report, seconds));
  eval::Reliability reliability;
  for (const ScoredQuery& job : jobs_) reliability.add(job.reliability);
  if (request_.reliability) print_out("\n" + eval::to_table(reliability));
  if (request_.released) {
    std::string table = "\nIoU as the released script counts it\n";
    for (const auto& [name, iou] : released_ious())
      table += fmt::format("{:<16} {:.4f}\n", name, iou);
    print_out(table);
  }
  if (!request_.json.empty()) write_json(report, seconds, reliability);
}

void Evaluation::write_json(const eval::Report& report, const std::vector<double>& seconds,
                            const eval::Reliability& reliability) const {
  auto json = nlohmann::ordered_json::parse(eval::to_json(report));
  for (std::size_t i = 0; i < dataset_.classes.size(); ++i)
    json["classes"][dataset_.classes[i].name]["seconds_per_image"] = seconds[i];
  json["mean"]["seconds_per_image"] = seconds.back();
  if (request_.released)
    for (const auto& [name, iou] : released_ious())
      (name == "mean" ? json["mean"] : json["classes"][name])["released_iou"] = iou;
  if (request_.reliability)
    json["reliability"] = nlohmann::ordered_json::parse(eval::to_json(reliability));
  auto& dataset = json["dataset"] = {{"format", dataset_.format}};
  if (request_.dataset.request.fold) dataset["fold"] = *request_.dataset.request.fold;
  dataset["seed"] = request_.dataset.request.seed.value_or(0);
  if (!dataset_.broken.empty()) dataset["broken"] = dataset_.broken;
  io::write_file(request_.json,
                 json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace persense::cli
