#include "segment.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <optional>
#include <set>
#include <span>

#include "console.hpp"
#include "interrupt.hpp"
#include "persense/engine.hpp"
#include "persense/io/coco.hpp"
#include "persense/io/figure.hpp"
#include "persense/io/files.hpp"
#include "persense/io/images.hpp"
#include "persense/io/overlay.hpp"
#include "persense/io/tables.hpp"
#include "queries.hpp"
#include "quiet_io.hpp"
#include "run_record.hpp"
#include "workers.hpp"

namespace persense::cli {

namespace fs = std::filesystem;

namespace {

// FNV-1a, to tell two support pictures or networks apart; not against an adversary.
std::string fingerprint(std::span<const std::uint8_t> bytes) {
  std::uint64_t hash = 14695981039346656037u;
  for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 1099511628211u;
  return fmt::format("{:016x}", hash);
}

// An archive may be gigabytes: its path, size and time tell whether it is the same.
std::string identity_of_archive(const std::string& slot) {
  std::error_code ignored;
  const auto size = fs::file_size(slot, ignored);
  if (ignored) return slot;
  return fmt::format("{} {} {}", identity(slot).string(), size,
                     fs::last_write_time(slot, ignored).time_since_epoch().count());
}

// Another build may have another network. Nothing where no slot is "mini", so that LibTorch need
// not be loaded for it.
std::string identity_of_mini(const Stages& stages) {
  if (!stages.mini.empty()) return identity_of_archive(stages.mini);
  for (const auto* slot : {&stages.encoder, &stages.detector, &stages.dmg, &stages.decoder})
    if (*slot == "mini") return fingerprint(Engine::mini().bytes);
  return "";
}

fs::path record_file(const SegmentRequest& request) {
  return request.folder / ".persense-run" / "record.jsonl";
}

RunRecord::Settings settings_of(const SegmentRequest& request, const Options& options) {
  RunRecord::Settings settings{{"version", PERSENSE_VERSION},
                               {"label", request.label.name},
                               {"support picture", fingerprint(io::read_file(request.support))},
                               {"support mask", fingerprint(io::read_file(request.mask))}};
  const Stages stages = stages_from(request.stages);
  settings["encoder"] = identity_of_archive(stages.encoder);
  settings["detector"] = identity_of_archive(stages.detector);
  settings["dmg"] = identity_of_archive(stages.dmg);
  settings["decoder"] = identity_of_archive(stages.decoder);
  settings["mini"] = identity_of_mini(stages);
  settings["dtype"] = stages.dtype;
  settings.merge(label_source(request.label));
  for_each_option(options, [&](const char* key, const auto& field, double, double, auto) {
    settings[key] = option_text(field);
  });
  return settings;
}

// Where a kind of output of a query goes. The COCO part of a query is kept beside the record, and
// all of them become the one file of the run.
fs::path output_path(const fs::path& folder, const std::string& name, const std::string& kind) {
  if (kind == "coco") return folder / ".persense-run" / (name + ".json");
  if (kind == "csv") return folder / (name + "_instances.csv");
  return folder / (name + "_" + kind + ".png");
}

std::set<std::string> kinds_of(const SegmentRequest& request) {
  std::set<std::string> kinds;
  if (request.overlay) kinds.insert("overlay");
  if (request.labels) kinds.insert("labels");
  if (request.coco) kinds.insert("coco");
  if (request.csv) kinds.insert("csv");
  if (request.trace) kinds.insert("trace");
  if (kinds.empty()) kinds.insert("overlay");
  return kinds;
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error && !fs::is_directory(folder)) error = std::make_error_code(std::errc::not_a_directory);
  if (!error && ::access(folder.c_str(), W_OK | X_OK) != 0)
    error = std::error_code(errno, std::generic_category());
  if (error)
    throw Unwritable(fmt::format("output folder {}: {}", folder.string(), error.message()));
}

// One run of the command: what all queries share, and what became of each.
class SegmentRun {
 public:
  explicit SegmentRun(const SegmentRequest& request);
  Exit run();

 private:
  std::string find_label();
  void refuse_to_overwrite_inputs() const;
  RunRecord::Entry entry_of(const QueryFile& query) const;
  bool is_done(const QueryFile& query) const;
  void process(std::size_t index, const std::stop_token& stop);
  void segment_query(const QueryFile& query, const std::stop_token& stop);
  void write_outputs(const QueryFile& query, ImageView image, const Result& result) const;
  std::string coco_name(const QueryFile& query) const;
  void write_coco() const;
  void print_summary(double seconds) const;
  std::size_t done() const;

  const SegmentRequest& request_;
  const Interrupt interrupt_;
  const Engine engine_;
  const std::vector<QueryFile> queries_;
  const std::set<std::string> kinds_;
  const Image support_image_;
  const cv::Mat support_mask_;
  RunRecord::Settings settings_;
  std::string label_note_;
  const std::string label_;
  const EngineSupport support_;
  std::optional<RunRecord> record_;
  std::vector<std::size_t> todo_;
  std::vector<std::optional<Failure>> failures_;  // by query
  std::atomic<std::size_t> finished_{0}, objects_{0};
  std::optional<Progress> progress_;
};

SegmentRun::SegmentRun(const SegmentRequest& request)
    : request_(request),
      engine_(engine_from(request.stages, request.options)),
      queries_(expand_queries(request.queries)),
      kinds_(kinds_of(request)),
      support_image_(read_image(request.support)),
      support_mask_(read_mask(request.mask)),
      settings_(settings_of(request, engine_.options())),
      label_(find_label()),
      support_(engine_.support(support_image_.view(), MaskView(support_mask_), label_)),
      failures_(queries_.size()) {
  refuse_to_overwrite_inputs();
  make_folder(request.folder);
  for (const fs::path& folder : {request.folder, request.folder / ".persense-run"})
    io::remove_leftovers(folder);
  const fs::path file = record_file(request);
  record_.emplace(request.resume ? RunRecord::resume(file, settings_)
                                 : RunRecord::start(file, settings_));
  for (std::size_t i = 0; i < queries_.size(); ++i)
    if (is_done(queries_[i]))
      objects_ += record_->find(identity(queries_[i].path).string())->objects;
    else
      todo_.push_back(i);
}

// As given; as the model says; or, on resuming, as it said then: another answer would make the rest
// of the run another run.
std::string SegmentRun::find_label() {
  const LabelFlags& flags = request_.label;
  if (flags.settings.endpoint.empty()) return flags.name;
  if (request_.resume)
    if (auto earlier = RunRecord::settings_in(record_file(request_))) {
      settings_["label"] = (*earlier)["label"];
      if (*earlier == settings_) return settings_["label"];
    }
  const ClassLabel found = ask_label(flags, support_image_.view(), MaskView(support_mask_),
                                     engine_.options().label.rules, interrupt_.token());
  label_note_ = fmt::format("label: {} ({})", found.label, found.phrase);
  return settings_["label"] = found.label;
}

void SegmentRun::refuse_to_overwrite_inputs() const {
  std::set<fs::path> inputs{identity(request_.support), identity(request_.mask)};
  for (const auto& query : queries_) inputs.insert(identity(query.path));
  for (const auto& query : queries_)
    for (const auto& kind : kinds_)
      if (const auto path = output_path(request_.folder, query.name, kind);
          inputs.contains(identity(path)))
        throw InvalidArgument(fmt::format(
            "output {}: is also an input; expected another output folder (-o)", path.string()));
}

RunRecord::Entry SegmentRun::entry_of(const QueryFile& query) const {
  std::error_code ignored;  // a file that is not there is reported when it is read
  return {identity(query.path).string(),
          fs::file_size(query.path, ignored),
          fmt::format("{}", fs::last_write_time(query.path, ignored).time_since_epoch().count()),
          query.name,
          coco_name(query),
          kinds_,
          0};
}

bool SegmentRun::is_done(const QueryFile& query) const {
  const auto now = entry_of(query);
  const auto* earlier = record_->find(now.query);
  if (earlier == nullptr || earlier->bytes != now.bytes || earlier->modified != now.modified ||
      earlier->name != now.name || earlier->image_name != now.image_name)
    return false;
  return std::all_of(kinds_.begin(), kinds_.end(), [&](const std::string& kind) {
    std::error_code ignored;
    return earlier->outputs.contains(kind) &&
           fs::exists(output_path(request_.folder, query.name, kind), ignored);
  });
}

Exit SegmentRun::run() {
  const auto begin = std::chrono::steady_clock::now();
  progress_.emplace(queries_.size(), queries_.size() - todo_.size(), stdout);
  if (!label_note_.empty()) progress_->note(label_note_);
  for (const auto& note : support_.info().notes) progress_->note(note);
  try {
    for_each_job(todo_.size(), request_.jobs, interrupt_.token(),
                 [this](std::size_t i, const std::stop_token& stop) { process(todo_[i], stop); });
  } catch (const Cancelled&) {
    progress_->close();
    throw Cancelled(fmt::format("interrupted with {} of {} done; --resume goes on from there",
                                done(), plural(queries_.size(), "image")));
  }
  progress_->close();
  if (done() > 0 && kinds_.contains("coco")) write_coco();
  if (done() > 0)
    print_summary(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  if (done() == queries_.size()) return Exit::ok;
  if (done() > 0) return Exit::some_failed;
  return std::find_if(failures_.begin(), failures_.end(),
                      [](const auto& f) { return f.has_value(); })
      ->value()
      .exit;
}

// A query that fails is skipped; an output that cannot be written ends the run, as the next one
// could not be written either.
void SegmentRun::process(std::size_t index, const std::stop_token& stop) {
  const QueryFile& query = queries_[index];
  try {
    segment_query(query, stop);
    ++finished_;
  } catch (...) {
    Failure failure = describe(std::current_exception());
    if (failure.exit == Exit::unwritable || failure.exit == Exit::interrupted) throw;
    const std::string path = query.path.string();
    if (failure.line.find(path) == std::string::npos) failure.line = path + ": " + failure.line;
    progress_->failed(failure.line);
    failures_[index] = std::move(failure);
  }
}

void SegmentRun::segment_query(const QueryFile& query, const std::stop_token& stop) {
  const std::string shown = query.path.filename().string();
  progress_->started(shown);
  const auto begin = std::chrono::steady_clock::now();
  RunRecord::Entry entry = entry_of(query);
  const Image image = read_image(query.path);
  const Result result =
      engine_.segment(support_, image.view(), {request_.trace, stop, /*on_step=*/{}});
  write_outputs(query, image.view(), result);
  entry.objects = result.count();
  record_->add(entry);
  objects_ += result.count();
  progress_->notes(query.path.string(), result.notes, support_.info().notes);
  progress_->finished(
      shown, result.count(),
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
}

void SegmentRun::write_outputs(const QueryFile& query, ImageView image,
                               const Result& result) const {
  for (const auto& kind : kinds_) {
    const fs::path path = output_path(request_.folder, query.name, kind);
    if (kind == "overlay") io::write_png(path, io::render_overlay(image, result));
    if (kind == "labels") io::write_labels_png(path, result);
    if (kind == "csv") io::write_csv(path, result);
    if (kind == "trace")
      io::write_png(
          path, io::render_figure(image, support_image_.view(), MaskView(support_mask_), result));
    if (kind == "coco") {
      make_folder(path.parent_path());
      io::write_coco(path, coco_name(query), result, label_);
    }
  }
}

// The file's name, as COCO files have it; the path, when the queries come from several folders.
std::string SegmentRun::coco_name(const QueryFile& query) const {
  const bool one_folder = std::all_of(queries_.begin(), queries_.end(), [&](const auto& other) {
    return other.path.parent_path() == query.path.parent_path();
  });
  return one_folder ? query.path.filename().string() : query.path.generic_string();
}

// In the order of the queries, whatever the order in which they were done.
void SegmentRun::write_coco() const {
  io::CocoWriter coco(request_.folder / "instances.json", label_);
  for (std::size_t i = 0; i < queries_.size(); ++i)
    if (!failures_[i]) coco.append(output_path(request_.folder, queries_[i].name, "coco"));
  coco.close();
}

std::size_t SegmentRun::done() const { return queries_.size() - todo_.size() + finished_; }

void SegmentRun::print_summary(double seconds) const {
  const std::size_t earlier = queries_.size() - todo_.size();
  const std::size_t failed = queries_.size() - done();
  print_out(fmt::format(
      "{}{}, {} in {:.1f} s{}; files in {}\n", failed > 0 ? fmt::format("{} of ", done()) : "",
      plural(queries_.size(), "image"), plural(objects_, "object"), seconds,
      earlier > 0 ? fmt::format(" ({} done earlier)", earlier) : "", request_.folder.string()));
}

}  // namespace

Exit segment(const SegmentRequest& request) { return SegmentRun(request).run(); }

}  // namespace persense::cli
