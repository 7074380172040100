#include "evaluation.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "console.hpp"
#include "json.hpp"
#include "persense/error.hpp"
#include "persense/io/files.hpp"
#include "run_facts.hpp"

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
  eval::mark_kind(request.scoring.mark);
  return request;
}

/// The page shows the stages, too.
ScoringRequest scoring_of(const EvalRequest& request) {
  ScoringRequest scoring = request.scoring;
  scoring.trace = !request.page.empty();
  return scoring;
}

}  // namespace

Evaluation::Evaluation(const EvalRequest& request)
    : request_(checked(request)),
      dataset_(open_dataset(request.dataset)),
      over_(
          eval::resample_of(request.intervals, dataset_.classes.size(), fewest_queries(dataset_))),
      engine_(engine_from(request.stages, request.options)),
      scoring_(dataset_, engine_, scoring_of(request)) {
  print_broken(dataset_);
}

void Evaluation::prepare() {
  if (!request_.labels.empty())
    for (const auto& c : dataset_.classes) io::remove_leftovers(request_.labels / c.name);
  if (!request_.json.empty())
    io::remove_leftovers(request_.json.has_parent_path() ? request_.json.parent_path() : ".");
  if (!request_.page.empty()) {
    io::remove_leftovers(request_.page.has_parent_path() ? request_.page.parent_path() : ".");
    page_.emplace(request_.page);  // what cannot be written is known before the first query
  }
  scoring_.prepare();
}

Exit Evaluation::run() {
  prepare();
  Progress progress(scoring_.queries().size(), 0, messages());
  progress.note("stages: " + engine_.stages());
  scoring_.run(progress, interrupt_.token(), [this](const FoundQuery& found) { process(found); });
  progress.close();
  report();
  return Exit::ok;
}

void Evaluation::process(const FoundQuery& found) {
  ScoredQuery& job = found.query;
  if (request_.released) job.released = released(job, found.result);
  if (!request_.labels.empty()) write_labels(job, found.result);
  if (page_)
    page_->add(found.place,
               {job.of_class->name, job.query->image.filename().string(), found.image.view(),
                found.truth, found.result, job.score, job.seconds, found.support.info().examples});
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

// Of every class that the script would score, then their mean.
std::vector<std::pair<std::string, double>> Evaluation::released_ious() const {
  std::vector<std::pair<std::string, double>> ious;
  double mean = 0;
  for (const auto& c : dataset_.classes) {
    double intersection = 0, joined = 1e-10;
    for (const ScoredQuery& job : scoring_.queries())
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

void Evaluation::report() {
  const eval::Report report = scoring_.report(over_, request_.dataset.request.seed.value_or(0));
  std::vector<double> seconds;
  for (const auto& c : dataset_.classes) seconds.push_back(scoring_.seconds_per_image(&c));
  seconds.push_back(scoring_.seconds_per_image(nullptr));
  print_out(eval::to_table(report, seconds));
  eval::Reliability reliability;
  for (const ScoredQuery& job : scoring_.queries()) reliability.add(job.reliability);
  if (request_.reliability) print_out("\n" + eval::to_table(reliability));
  if (request_.released) {
    std::string table = "\nIoU as the released script counts it\n";
    for (const auto& [name, iou] : released_ious())
      table += fmt::format("{:<16} {:.4f}\n", name, iou);
    print_out(table);
  }
  if (!request_.json.empty()) write_json(report, seconds, reliability);
  if (page_) write_page(report);
}

void Evaluation::write_page(const eval::Report& report) {
  std::vector<eval::Intervals> of_classes;
  if (request_.intervals != "off")
    of_classes = eval::class_intervals(scoring_.classes(),
                                       {.seed = request_.dataset.request.seed.value_or(0)});
  page_->finish(report, of_classes, run_facts(request_, dataset_, engine_));
}

void Evaluation::write_json(const eval::Report& report, const std::vector<double>& seconds,
                            const eval::Reliability& reliability) const {
  auto json = detail::parse_own_json(eval::to_json(report));
  for (std::size_t i = 0; i < dataset_.classes.size(); ++i)
    json["classes"][dataset_.classes[i].name]["seconds_per_image"] = seconds[i];
  json["mean"]["seconds_per_image"] = seconds.back();
  if (request_.released)
    for (const auto& [name, iou] : released_ious())
      (name == "mean" ? json["mean"] : json["classes"][name])["released_iou"] = iou;
  if (request_.reliability)
    json["reliability"] = detail::parse_own_json(eval::to_json(reliability));
  auto& dataset = json["dataset"] = {{"format", dataset_.format}};
  if (request_.dataset.request.fold) dataset["fold"] = *request_.dataset.request.fold;
  dataset["seed"] = request_.dataset.request.seed.value_or(0);
  if (!dataset_.broken.empty()) dataset["broken"] = dataset_.broken;
  io::write_file(request_.json, detail::json_text(json, 2) + "\n");
}

}  // namespace persense::cli
