#include "dataset_scoring.hpp"

#include <fmt/format.h>

#include "clock.hpp"
#include "persense/error.hpp"
#include "quiet_io.hpp"
#include "workers.hpp"

namespace persense::cli {

DatasetScoring::DatasetScoring(const eval::Dataset& dataset, const Engine& engine,
                               const ScoringRequest& request)
    : dataset_(dataset), engine_(engine), request_(request), mark_(eval::mark_kind(request.mark)) {}

void DatasetScoring::prepare() {
  const std::size_t first = request_.examples > 0 ? 1 : 0;  // the one that shows the examples
  for (const auto& c : dataset_.classes) {
    shared_.emplace_back();
    if (c.supports.size() == 1) shared_.back() = prepare(c, 0);
    for (std::size_t q = first; q < c.queries.size(); ++q) queries_.push_back({&c, &c.queries[q]});
  }
}

// Masks of further examples in the first query of a class.
std::vector<cv::Mat> DatasetScoring::further_examples(const eval::DatasetClass& c) const {
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

DatasetScoring::Prepared DatasetScoring::prepare(const eval::DatasetClass& c,
                                                 std::size_t index) const {
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

void DatasetScoring::run(Progress& progress, const std::stop_token& stop,
                         const OnResult& on_result) {
  for (std::size_t i = 0; i < shared_.size(); ++i)
    if (shared_[i])
      for (const auto& note : shared_[i]->support.info().notes)
        progress.note(dataset_.classes[i].name + ": " + note);
  for_each_job(queries_.size(), request_.jobs, stop,
               [&](std::size_t i, const std::stop_token& stop_all) {
                 process(queries_[i], progress, stop_all, on_result);
               });
}

void DatasetScoring::process(ScoredQuery& job, Progress& progress, const std::stop_token& stop,
                             const OnResult& on_result) const {
  const std::string shown = job.of_class->name + "/" + job.query->image.filename().string();
  progress.started(shown);
  const auto index = static_cast<std::size_t>(job.of_class - dataset_.classes.data());
  const Prepared support =
      shared_[index] ? *shared_[index] : prepare(*job.of_class, job.query->support);
  const Image image = cli::load_image(job.query->image, {1, support.window}).image;
  const auto begin = Clock::now();
  RunOptions run;
  run.stop = stop;
  run.trace = request_.trace;
  run.on_step = [&](Step step) { progress.step(shown, name_of(step), 0); };
  run.on_progress = [&](Step step, double part) { progress.step(shown, name_of(step), part); };
  const Result result = engine_.segment(support.support, image.view(), run);
  job.seconds = seconds_since(begin);
  const eval::Truth truth = cli::read_truth(*job.query);
  job.score = eval::score(truth, result, request_.most);
  if (job.score.instances) job.reliability.add(result.instances, *job.score.instances);
  if (on_result)
    on_result({static_cast<std::size_t>(&job - queries_.data()), job, support.support, image, truth,
               result});
  if (request_.notes) progress.notes(shown, result.notes, support.support.info().notes);
  progress.finished(shown, result.count(), "", job.seconds);
}

double DatasetScoring::seconds_per_image(const eval::DatasetClass* of_class) const {
  double sum = 0, count = 0;
  for (const ScoredQuery& job : queries_)
    if (of_class == nullptr || job.of_class == of_class) sum += job.seconds, ++count;
  return sum / count;
}

std::vector<eval::ScoredClass> DatasetScoring::classes() const {
  std::vector<eval::ScoredClass> classes;
  for (const auto& c : dataset_.classes) {
    eval::ScoredClass scored{c.name, {}};
    for (const ScoredQuery& job : queries_)
      if (job.of_class == &c) scored.images.push_back(job.score);
    classes.push_back(std::move(scored));
  }
  return classes;
}

eval::Report DatasetScoring::report(eval::Resample over, std::uint64_t seed) const {
  return eval::report_of(classes(), over, {.seed = seed});
}

}  // namespace persense::cli
