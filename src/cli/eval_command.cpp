// Runs the engine over a data set with truth and prints the scores.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "console.hpp"
#include "interrupt.hpp"
#include "option_flags.hpp"
#include "persense/engine.hpp"
#include "persense/eval/dataset.hpp"
#include "persense/eval/marks.hpp"
#include "persense/eval/metrics.hpp"
#include "persense/eval/reliability.hpp"
#include "persense/io/files.hpp"
#include "persense/io/images.hpp"
#include "quiet_io.hpp"
#include "stage_flags.hpp"
#include "workers.hpp"

namespace persense::cli {

namespace fs = std::filesystem;

namespace {

const char* const description =
    "Score the method on a data set with truth\n"
    "\n"
    "Examples:\n"
    "  # all classes of a data set in PerSense-D layout\n"
    "  persense eval PerSense-D\n"
    "\n"
    "  # two classes, two images at a time, scores for a script\n"
    "  persense eval PerSense-D --classes potatoes,beans --jobs 2 --json scores.json\n"
    "\n"
    "  # keep what was found, to look at it or to score it with another tool\n"
    "  persense eval PerSense-D --save-labels found --preset reference\n"
    "\n"
    "  # how much is lost when the support object is marked by a box alone?\n"
    "  persense eval PerSense-D --mark box\n"
    "\n"
    "  # how much is won with three examples? compare with --examples 1\n"
    "  persense eval PerSense-D --examples 3\n"
    "\n"
    "  # what do other methods make of the same stages? also plus_plus, grounded_sam, persam, "
    "matcher\n"
    "  persense eval PerSense-D --method everything\n"
    "\n"
    "  # and what is had without any model?\n"
    "  persense eval PerSense-D --method otsu\n"
    "\n"
    "  # which score is worth what?\n"
    "  persense eval PerSense-D --reliability\n";

const char* const footer =
    "Layout: DATASET/CLASS/00.jpg and 00.png are the support image and its mask, NN.jpg the\n"
    "queries, NN.png their union masks, NN_instances.png (16-bit labels, 0 = background) their\n"
    "instances; one of the last two is enough. DATASET may be one such class folder.\n"
    "Scores: IoU is the sum of intersections over the sum of unions of a class, as in the paper;\n"
    "P, R, F1 (matched one to one at IoU 0.5), PQ, F1 averaged over IoU 0.50:0.05:0.95 and the\n"
    "mean absolute count error need instance truth. The mean is the plain mean over classes.\n"
    "--mark makes a mark of the support mask: its tight box (filled-box: that box as a mask), its\n"
    "most interior pixel, or its outline. --examples takes further ones from the first query of\n"
    "every class, which is not scored then, whatever N is. --reliability prints, for each tenth\n"
    "of the scores, how many instances have such a score and which part of them matches an object\n"
    "at IoU 0.5.\n"
    "The table goes to standard output, progress to standard error. Any unreadable image ends\n"
    "the evaluation: scores over part of a data set would mislead.\n"
    "\n";

struct EvalRequest {
  fs::path dataset, json, labels;
  std::vector<std::string> classes;
  StageFlags stages;
  OptionFlags options;
  std::string mark = "mask";
  int examples = 0;  // 0: the support alone, and every query is scored
  bool reliability = false;
  int jobs = 1;
};

eval::Dataset choose_classes(eval::Dataset dataset, const std::vector<std::string>& names) {
  if (names.empty()) return dataset;
  std::vector<std::string> known;
  for (const auto& c : dataset.classes) known.push_back(c.name);
  for (const auto& name : names)
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw InvalidArgument(
          fmt::format("--classes: the data set has no \"{}\", expected some of {}", name,
                      fmt::join(known, ", ")));
  std::erase_if(dataset.classes, [&](const auto& c) {
    return std::find(names.begin(), names.end(), c.name) == names.end();
  });
  return dataset;
}

// One query and what became of it.
struct Job {
  const eval::DatasetClass* of_class;
  const eval::DatasetQuery* query;
  const EngineSupport* support;
  std::optional<io::Window> window;  // of deep pixels: the support image's
  eval::ImageScore score{};
  eval::Reliability reliability{};
  double seconds = 0;
};

class Evaluation {
 public:
  explicit Evaluation(const EvalRequest& request)
      : request_(request),
        engine_(engine_from(request.stages, request.options)),
        dataset_(choose_classes(eval::open_dataset(request.dataset), request.classes)) {}

  Exit run();

 private:
  void prepare();
  EngineSupport support_of(const eval::DatasetClass& c, const io::LoadedImage& support) const;
  std::vector<cv::Mat> further_examples(const eval::DatasetClass& c) const;
  void process(Job& job, const std::stop_token& stop);
  void write_labels(const Job& job, const Result& result) const;
  eval::ImageScore score(const Job& job, const Result& result) const;
  void report() const;
  void write_json(const eval::Report& report, const nlohmann::ordered_json& seconds, double mean,
                  const eval::Reliability& reliability) const;

  const EvalRequest& request_;
  const eval::MarkKind mark_ = eval::mark_kind(request_.mark);
  const Interrupt interrupt_;
  const Engine engine_;
  const eval::Dataset dataset_;
  std::vector<EngineSupport> supports_;  // by class
  std::vector<Job> jobs_;
  std::optional<Progress> progress_;
};

void Evaluation::prepare() {
  if (!request_.labels.empty())
    for (const auto& c : dataset_.classes) io::remove_leftovers(request_.labels / c.name);
  if (!request_.json.empty())
    io::remove_leftovers(request_.json.has_parent_path() ? request_.json.parent_path() : ".");
  std::vector<std::optional<io::Window>> windows;
  for (const auto& c : dataset_.classes) {
    const io::LoadedImage image = cli::load_image(c.support_image, {});
    supports_.push_back(support_of(c, image));
    windows.push_back(image.window);
  }
  const std::size_t first = request_.examples > 0 ? 1 : 0;  // the one that shows the examples
  for (std::size_t i = 0; i < dataset_.classes.size(); ++i)
    for (std::size_t q = first; q < dataset_.classes[i].queries.size(); ++q)
      jobs_.push_back(
          {&dataset_.classes[i], &dataset_.classes[i].queries[q], &supports_[i], windows[i]});
}

// Masks of further examples in the first query of a class.
std::vector<cv::Mat> Evaluation::further_examples(const eval::DatasetClass& c) const {
  const auto& query = c.queries.front();
  if (c.queries.size() < 2 || !query.instances)
    throw InvalidArgument(
        fmt::format("--examples: {}: expected at least two queries, the first of them with "
                    "instance truth",
                    c.name));
  const int wanted = request_.examples - 1;
  std::vector<cv::Mat> masks = eval::typical_objects(io::read_labels(*query.instances), wanted);
  if (static_cast<int>(masks.size()) < wanted)
    throw InvalidArgument(fmt::format("--examples: {}: got {} objects, expected at least {}",
                                      query.instances->string(), masks.size(), wanted));
  return masks;
}

EngineSupport Evaluation::support_of(const eval::DatasetClass& c,
                                     const io::LoadedImage& support) const {
  const Image& image = support.image;
  const cv::Mat mask = read_mask(c.support_mask);
  const bool several = request_.examples > 0;
  const std::vector<cv::Mat> masks = several ? further_examples(c) : std::vector<cv::Mat>();
  const Image query =
      several ? cli::load_image(c.queries.front().image, {1, support.window}).image : Image();
  if (!masks.empty() && masks.front().size() != query.mat().size())
    throw InvalidArgument(fmt::format(
        "{}: got {}, expected {} as the image has", c.queries.front().instances->string(),
        to_string(MaskView(masks.front()).size()), to_string(query.size())));
  try {
    const eval::MadeMark made = eval::make_mark(MaskView(mask), mark_);
    std::vector<Example> examples{{image.view(), made.mark}};
    std::vector<eval::MadeMark> marks;  // what the examples view
    for (const cv::Mat& one : masks) marks.push_back(eval::make_mark(MaskView(one), mark_));
    for (const eval::MadeMark& one : marks) examples.push_back({query.view(), one.mark});
    return engine_.support(examples, c.name);
  } catch (const InvalidArgument& e) {
    throw InvalidArgument(fmt::format("{}: {}", c.support_mask.string(), e.what()));
  }
}

Exit Evaluation::run() {
  prepare();
  progress_.emplace(jobs_.size(), 0, messages());
  progress_->note("stages: " + engine_.stages());
  for (std::size_t i = 0; i < supports_.size(); ++i)
    for (const auto& note : supports_[i].info().notes)
      progress_->note(dataset_.classes[i].name + ": " + note);
  for_each_job(jobs_.size(), request_.jobs, interrupt_.token(),
               [this](std::size_t i, const std::stop_token& stop) { process(jobs_[i], stop); });
  progress_->close();
  report();
  return Exit::ok;
}

void Evaluation::process(Job& job, const std::stop_token& stop) {
  const std::string shown = job.of_class->name + "/" + job.query->image.filename().string();
  progress_->started(shown);
  const Image image = cli::load_image(job.query->image, {1, job.window}).image;
  const auto begin = std::chrono::steady_clock::now();
  RunOptions run;
  run.stop = stop;
  run.on_step = [&](Step step) { progress_->step(shown, name_of(step), 0); };
  run.on_progress = [&](Step step, double part) { progress_->step(shown, name_of(step), part); };
  const Result result = engine_.segment(*job.support, image.view(), run);
  job.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  job.score = score(job, result);
  if (job.score.instances) job.reliability.add(result.instances, *job.score.instances);
  if (!request_.labels.empty()) write_labels(job, result);
  progress_->notes(shown, result.notes, job.support->info().notes);
  progress_->finished(shown, result.count(), "", job.seconds);
}

eval::ImageScore Evaluation::score(const Job& job, const Result& result) const {
  const cv::Mat found = io::label_image(result.image_size, result.instances);
  const auto truth_file = job.query->instances ? *job.query->instances : *job.query->mask;
  try {
    if (job.query->instances) return eval::score_labels(io::read_labels(truth_file), found);
    return eval::score_union(MaskView(read_mask(truth_file)), found);
  } catch (const InvalidArgument& e) {
    throw InvalidArgument(fmt::format("{}: {}", truth_file.string(), e.what()));
  }
}

void Evaluation::write_labels(const Job& job, const Result& result) const {
  const fs::path folder = request_.labels / job.of_class->name;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw Unwritable(fmt::format("{}: {}", folder.string(), error.message()));
  io::write_labels_png(folder / (job.query->name + "_labels.png"), result);
}

// Seconds an image of one class, or of all: reading and writing not counted.
double seconds_per_image(const std::vector<Job>& jobs, const eval::DatasetClass* of_class) {
  double sum = 0, count = 0;
  for (const Job& job : jobs)
    if (of_class == nullptr || job.of_class == of_class) sum += job.seconds, ++count;
  return sum / count;
}

void Evaluation::report() const {
  eval::Report report;
  std::string times = fmt::format("{:<16}{:>12}\n", "class", "s per image");
  auto json = nlohmann::ordered_json::object();
  for (const auto& c : dataset_.classes) {
    eval::ClassScore score;
    for (const Job& job : jobs_)
      if (job.of_class == &c) score.add(job.score);
    report.classes.push_back(score.report(c.name));
    json[c.name] = seconds_per_image(jobs_, &c);
    times += fmt::format("{:<16}{:>12.3f}\n", c.name, json[c.name].get<double>());
  }
  const double all = seconds_per_image(jobs_, nullptr);
  print_out(
      fmt::format("{}\n{}{:<16}{:>12.3f}\n", eval::to_table(report), times, "all images", all));
  eval::Reliability reliability;
  for (const Job& job : jobs_) reliability.add(job.reliability);
  if (request_.reliability) print_out("\n" + eval::to_table(reliability));
  if (!request_.json.empty()) write_json(report, json, all, reliability);
}

void Evaluation::write_json(const eval::Report& report, const nlohmann::ordered_json& seconds,
                            double mean, const eval::Reliability& reliability) const {
  auto json = nlohmann::ordered_json::parse(eval::to_json(report));
  for (const auto& [name, value] : seconds.items())
    json["classes"][name]["seconds_per_image"] = value;
  json["mean"]["seconds_per_image"] = mean;
  if (request_.reliability)
    json["reliability"] = nlohmann::ordered_json::parse(eval::to_json(reliability));
  io::write_file(request_.json, json.dump(2) + "\n");
}

}  // namespace

void add_eval(CLI::App& program, Task& task) {
  auto* command = program.add_subcommand("eval", description);
  const auto request = std::make_shared<EvalRequest>();
  command->add_option("DATASET", request->dataset, "folder of class folders, or one class folder")
      ->type_name("")
      ->check(not_empty())
      ->required();
  command->add_option("--classes", request->classes, "only these classes")
      ->type_name("A,B")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_option("--json", request->json, "write the scores as JSON, too")
      ->type_name("FILE")
      ->check(not_empty());
  command
      ->add_option("--save-labels", request->labels,
                   "write what was found: DIR/CLASS/NN_labels.png, 16-bit")
      ->type_name("DIR")
      ->check(not_empty());
  command->add_option("--mark", request->mark, "how the support object is marked")
      ->type_name("mask|box|filled-box|point|polygon")
      ->capture_default_str();
  command
      ->add_option("--examples", request->examples,
                   "objects that are marked: the support's and further ones in the first query")
      ->type_name("N")
      ->check(CLI::Range(1, 100).description(""));
  command->add_flag("--reliability", request->reliability,
                    "also show what the scores are worth; in the JSON, too");
  add_option_flags(*command, request->options);
  add_stage_flags(*command, request->stages);
  command->add_option("--jobs", request->jobs, "images worked on at once; scores are the same")
      ->type_name("N")
      ->check(CLI::Range(1, 1024).description(""))
      ->capture_default_str();
  command->footer(std::string(footer) + exit_code_help);
  command->callback([request, &task] { task = [request] { return Evaluation(*request).run(); }; });
}

}  // namespace persense::cli
