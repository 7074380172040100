#include "segment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <span>

#include "ask_label.hpp"
#include "clock.hpp"
#include "console.hpp"
#include "interrupt.hpp"
#include "marks.hpp"
#include "outputs.hpp"
#include "persense/engine.hpp"
#include "persense/io/class_names.hpp"
#include "persense/io/files.hpp"
#include "persense/io/images.hpp"
#include "persense/io/tables.hpp"
#include "persense/pipeline_steps.hpp"
#include "queries.hpp"
#include "quiet_io.hpp"
#include "recorded_queries.hpp"
#include "run_record.hpp"
#include "run_settings.hpp"
#include "support_overlays.hpp"
#include "timings_table.hpp"
#include "workers.hpp"

namespace persense::cli {

namespace fs = std::filesystem;

namespace {

io::ImageCounts counts_in(const RunRecord::Entry& entry) {
  return {entry.image_name, entry.objects, entry.estimated, entry.confidence};
}

// One run of the command: what all queries share, and what became of each.
class SegmentRun {
 public:
  explicit SegmentRun(const SegmentRequest& request);
  Exit run();

 private:
  Marks read_marks() const;
  ClassLabel find_label();
  std::vector<EngineSupport> prepare_supports();
  std::vector<std::string> support_notes() const;
  std::vector<std::string> class_names() const;
  void keep_encoded_queries();
  void find_window();
  OutputNames names_of(const QueryFile& query) const;
  std::vector<fs::path> support_overlays() const;
  void refuse_to_overwrite_inputs() const;
  RunRecord::Entry entry_of(const QueryFile& query) const;
  bool is_done(std::size_t index) const;
  void process(std::size_t index, const std::stop_token& stop);
  void segment_query(std::size_t index, const std::stop_token& stop);
  io::LoadedImage read_query(std::size_t index) const;
  Result find(std::size_t index, ImageView image, const RunOptions& run) const;
  std::string coco_name(const QueryFile& query) const;
  void write_files_of_run() const;
  std::vector<io::ImageCounts> counts() const;
  void print_timings() const;
  void print_summary(double seconds) const;
  std::size_t done() const;

  const SegmentRequest& request_;
  const Interrupt interrupt_;
  const Pages pages_;
  std::optional<io::Window> window_;  // of deep pixels
  const io::PixelSize pixel_;
  const Queries expanded_;
  std::vector<QueryFile> queries_;
  const std::set<std::string> kinds_;
  const Region region_;
  const Marks marks_;
  const Engine engine_;
  RunRecord::Settings settings_;
  double support_seconds_ = 0;
  EncodedMarks encoded_;
  std::string label_note_, window_note_;
  std::vector<EngineSupport> supports_;
  const std::vector<std::string> class_names_;
  std::map<std::size_t, std::size_t> encoded_queries_;  // query: its place in encoded_
  std::optional<RunRecord> record_;
  std::vector<const RunRecord::Entry*> earlier_;  // by query; null where it is new
  std::vector<std::size_t> todo_;
  std::vector<std::optional<Failure>> failures_;      // by query
  std::vector<std::optional<QueryTimings>> timings_;  // by query
  std::atomic<std::size_t> finished_{0};
  std::vector<std::optional<io::ImageCounts>> counts_;  // by query
  std::optional<Progress> progress_;
};

SegmentRun::SegmentRun(const SegmentRequest& request)
    : request_(request),
      pages_(pages_from(request.page)),
      window_(window_of(request)),
      pixel_(pixel_size_of(request)),
      expanded_(expand_queries(request.queries, pages_, masks_in(request.marks))),
      queries_(expanded_.files),
      kinds_(kinds_of(request)),
      region_(request.filters.region),
      marks_(read_marks()),
      engine_(engine_of(request)),
      settings_(settings_of(request, engine_.options(), marks_, region_)),
      supports_(prepare_supports()),
      class_names_(class_names()),
      failures_(queries_.size()),
      timings_(queries_.size()),
      counts_(queries_.size()) {
  keep_encoded_queries();
  find_window();
  const fs::path file = record_file(request);
  if (request.resume) {
    record_.emplace(RunRecord::resume(file, settings_));
    earlier_ = keep_recorded_names(queries_, *record_);
  }
  refuse_to_overwrite_inputs();
  make_folder(request.folder);
  for (const fs::path& folder : {request.folder, request.folder / ".persense-run"})
    io::remove_leftovers(folder);
  if (!request.resume) {
    record_.emplace(RunRecord::start(file, settings_));
    earlier_.resize(queries_.size());
  }
  for (std::size_t i = 0; i < queries_.size(); ++i)
    if (is_done(i))
      counts_[i] = counts_in(*earlier_[i]);
    else
      todo_.push_back(i);
}

// One window for the whole run: of the support images or, where those have 8 bits, of the first
// query, if that has more.
void SegmentRun::find_window() {
  window_ = encoded_.window;
  const bool of_support = window_.has_value();
  if (!of_support) window_ = own_window(queries_.front().path, queries_.front().page);
  if (!window_) return;
  window_note_ = window_note(request_, *window_, of_support);
  settings_["window"] = fmt::format("{},{}", window_->low, window_->high);
}

Marks SegmentRun::read_marks() const {
  Marks marks = cli::read_marks(request_.marks, request_.label.name, queries_);
  if (marks.classes.size() > 1 && !request_.label.settings.endpoint.empty())
    throw InvalidArgument(fmt::format(
        "--label-endpoint: got {} classes, which have names of their own; expected one class",
        marks.classes.size()));
  return marks;
}

std::vector<EngineSupport> SegmentRun::prepare_supports() {
  const auto begin = Clock::now();
  encoded_ = encode_marks(marks_, engine_, window_);
  const ClassLabel only = find_label();
  std::vector<EngineSupport> supports;
  for (const MarkedClass& marked : marks_.classes)
    supports.push_back(marks_.classes.size() == 1
                           ? support_of(marked, encoded_, engine_, only.label, only.phrase)
                           : support_of(marked, encoded_, engine_, marked.label));
  support_seconds_ = seconds_since(begin);
  return supports;
}

// As given; as the model says; or, on resuming, as it said then: another answer would make the rest
// of the run another run.
ClassLabel SegmentRun::find_label() {
  const LabelFlags& flags = request_.label;
  if (flags.settings.endpoint.empty()) return {marks_.classes.front().label, "", ""};
  if (request_.resume)
    if (auto earlier = RunRecord::settings_in(record_file(request_))) {
      for (const char* const key : {"label", "phrase"}) settings_[key] = (*earlier)[key];
      if (*earlier == settings_) return {settings_["label"], settings_["phrase"], ""};
    }
  const ClassLabel found =
      ask_label(flags, marks_.classes.front(), encoded_, engine_, interrupt_.token());
  label_note_ = fmt::format("label: {} ({})", found.label, found.phrase);
  settings_["label"] = found.label;
  settings_["phrase"] = found.phrase;
  return found;
}

std::vector<std::string> SegmentRun::class_names() const {
  std::vector<std::string> labels;
  for (const EngineSupport& support : supports_) labels.push_back(support.info().label);
  return io::class_names(labels);
}

// A query in which something is marked is not encoded again.
void SegmentRun::keep_encoded_queries() {
  std::vector<bool> needed(encoded_.images.size(), false);
  for (std::size_t i = 0; i < queries_.size(); ++i)
    for (std::size_t k = 0; k < marks_.images.size(); ++k)
      if (identity(queries_[i].path) == identity(marks_.images[k].path) &&
          queries_[i].page == marks_.images[k].page) {
        encoded_queries_[i] = k;
        needed[k] = true;
      }
  for (std::size_t k = 0; k < needed.size(); ++k)
    if (!needed[k]) encoded_.encoded[k] = EngineImage();
}

OutputNames SegmentRun::names_of(const QueryFile& query) const {
  return {request_.folder, query.name, class_names_};
}

// Files of --support-overlay and --trace.
std::vector<fs::path> SegmentRun::support_overlays() const {
  if (!request_.support_overlay && !request_.trace) return {};
  return support_overlay_paths(request_.folder, marks_);
}

void SegmentRun::refuse_to_overwrite_inputs() const {
  std::set<fs::path> inputs;
  for (const fs::path& file : marks_.files) inputs.insert(identity(file));
  if (!region_.file().empty()) inputs.insert(identity(region_.file()));
  for (const auto& query : queries_) inputs.insert(identity(query.path));
  std::vector<fs::path> outputs = support_overlays();
  for (const auto& query : queries_)
    for (const auto& kind : kinds_) {
      const auto paths = output_paths(names_of(query), kind);
      outputs.insert(outputs.end(), paths.begin(), paths.end());
    }
  for (const fs::path& path : outputs)
    if (inputs.contains(identity(path)))
      throw InvalidArgument(fmt::format(
          "output {}: is also an input; expected another output folder (-o)", path.string()));
}

RunRecord::Entry SegmentRun::entry_of(const QueryFile& query) const {
  std::error_code ignored;  // a file that is not there is reported when it is read
  return {query.key(),
          fs::file_size(query.path, ignored),
          modified_at(query.path),
          {},
          text_of(query.name),
          coco_name(query),
          kinds_,
          {}};
}

bool SegmentRun::is_done(std::size_t index) const {
  const QueryFile& query = queries_[index];
  const RunRecord::Entry* const earlier = earlier_[index];
  if (earlier == nullptr || earlier->name != text_of(query.name) ||
      (kinds_.contains("coco") && earlier->image_name != coco_name(query)) ||
      (kinds_.contains("labelme") && earlier->query != query.key()))  // it names the file
    return false;
  return std::all_of(kinds_.begin(), kinds_.end(), [&](const std::string& kind) {
    const auto paths = output_paths(names_of(query), kind);
    return earlier->outputs.contains(kind) &&
           std::all_of(paths.begin(), paths.end(), [](const fs::path& path) {
             std::error_code ignored;
             return fs::exists(path, ignored);
           });
  });
}

std::vector<std::string> SegmentRun::support_notes() const {
  std::vector<std::string> notes;
  for (std::size_t k = 0; k < supports_.size(); ++k) {
    const EngineSupport::Info& info = supports_[k].info();
    for (const std::string& note : info.notes)
      notes.push_back(detail::note_of(info.label, k, supports_.size() > 1, note));
  }
  return notes;
}

Exit SegmentRun::run() {
  const auto begin = Clock::now();
  progress_.emplace(queries_.size(), queries_.size() - todo_.size(), stdout);
  progress_->note("stages: " + engine_.stages());
  if (!label_note_.empty()) progress_->note(label_note_);
  for (const auto& note : expanded_.notes) progress_->note(note);
  if (!window_note_.empty()) progress_->note(window_note_);
  for (const auto& note : marks_.notes) progress_->note(note);
  for (const auto& note : support_notes()) progress_->note(note);
  if (const auto overlays = support_overlays(); !overlays.empty())
    write_support_overlays(overlays, supports_);
  try {
    for_each_job(todo_.size(), request_.jobs, interrupt_.token(),
                 [this](std::size_t i, const std::stop_token& stop) { process(todo_[i], stop); });
  } catch (const Cancelled&) {
    progress_->close();
    throw Cancelled(fmt::format("interrupted with {} of {} done; --resume goes on from there",
                                done(), plural(queries_.size(), "image")));
  }
  progress_->close();
  record_->close();
  if (done() > 0) write_files_of_run();
  if (request_.timings) print_timings();
  if (done() > 0) print_summary(seconds_since(begin));
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
  try {
    segment_query(index, stop);
    ++finished_;
  } catch (...) {
    Failure failure = describe(std::current_exception());
    if (failure.exit == Exit::unwritable || failure.exit == Exit::interrupted) throw;
    const std::string path = queries_[index].path.string();
    if (failure.line.find(path) == std::string::npos) failure.line = path + ": " + failure.line;
    progress_->failed(failure.line);
    failures_[index] = std::move(failure);
  }
}

io::LoadedImage SegmentRun::read_query(std::size_t index) const {
  const auto encoded = encoded_queries_.find(index);
  if (encoded == encoded_queries_.end())
    return cli::load_image(queries_[index].path, {queries_[index].page, window_});
  io::LoadedImage loaded;
  loaded.image = encoded_.images[encoded->second];
  loaded.page_count = encoded_.page_counts[encoded->second];
  return loaded;
}

Result SegmentRun::find(std::size_t index, ImageView image, const RunOptions& run) const {
  const auto encoded = encoded_queries_.find(index);
  if (encoded == encoded_queries_.end()) return engine_.segment(supports_, image, run);
  Result result = engine_.segment(encoded_.encoded[encoded->second], supports_, run);
  result.timings[Step::encode] += encoded_.seconds[encoded->second];
  return result;
}

void SegmentRun::segment_query(std::size_t index, const std::stop_token& stop) {
  const QueryFile& query = queries_[index];
  const std::string shown = query.path.filename().string();
  progress_->started(shown);
  const auto begin = Clock::now();
  for (const std::string& kind : kinds_) require_short_names(names_of(query), kind);
  RunRecord::Entry entry = entry_of(query);
  const io::LoadedImage loaded = read_query(index);
  entry.content = content_of(query.path);
  QueryTimings timings{shown, seconds_since(begin), {}, 0};
  const cv::Mat region = region_.mask_of(loaded.image.size());
  RunOptions run;
  run.trace = request_.trace;
  run.stop = stop;
  run.region = MaskView(region);
  run.on_step = [&](Step step) { progress_->step(shown, name_of(step), 0); };
  run.on_progress = [&](Step step, double part) { progress_->step(shown, name_of(step), part); };
  Result result = find(index, loaded.image.view(), run);
  if (loaded.page_count > 1 && request_.page.empty())
    result.notes.push_back(fmt::format(
        "page 1 of {} was read; --page N reads another one, --page all each", loaded.page_count));
  timings.steps = result.timings;
  const auto writing = Clock::now();
  const std::string name = coco_name(query);
  const int slice = loaded.page_count > 1 ? query.page : 0;
  const Shown to_show{
      loaded.image.view(), query.path, result, supports_, name, request_, pixel_, slice};
  for (const auto& kind : kinds_) write_output(names_of(query), kind, to_show, engine_);
  timings.write = seconds_since(writing);
  for (const ClassResult& c : result.classes) entry.objects.push_back(c.count);
  entry.estimated = result.estimated_count();
  entry.confidence = result.count_confidence();
  record_->add(entry);
  counts_[index] = counts_in(entry);
  timings_[index] = timings;
  progress_->notes(query.path.string(), result.notes, support_notes());
  progress_->finished(shown, result.count(), io::class_counts(result), seconds_since(begin));
}

// The file's name, as COCO files have it; the path, when the queries come from several folders.
std::string SegmentRun::coco_name(const QueryFile& query) const {
  const bool one_folder = std::all_of(queries_.begin(), queries_.end(), [&](const auto& other) {
    return other.path.parent_path() == query.path.parent_path();
  });
  const std::string file = text_of(one_folder ? query.path.filename() : query.path);
  return pages_.all && query.page > 1 ? fmt::format("{}#page={}", file, query.page) : file;
}

// In the order of the queries, whatever the order in which they were done.
void SegmentRun::write_files_of_run() const {
  std::vector<OutputNames> names;
  std::vector<fs::path> paths;
  for (std::size_t i = 0; i < queries_.size(); ++i)
    if (!failures_[i]) names.push_back(names_of(queries_[i])), paths.push_back(queries_[i].path);
  if (kinds_.contains("coco")) write_coco_of_run(names, engine_);
  if (kinds_.contains("yolo")) write_yolo_data(request_.folder, class_names_, paths);
  if (queries_.size() > 1)
    io::write_file(request_.folder / "counts.csv", io::counts_to_csv(class_names_, counts()));
}

// Of what is done, in the same order.
std::vector<io::ImageCounts> SegmentRun::counts() const {
  std::vector<io::ImageCounts> rows;
  for (const auto& row : counts_)
    if (row) rows.push_back(*row);
  return rows;
}

void SegmentRun::print_timings() const {
  std::vector<QueryTimings> rows;
  for (const auto& timings : timings_)
    if (timings) rows.push_back(*timings);
  print_out(timings_table(rows, support_seconds_));
}

std::size_t SegmentRun::done() const { return queries_.size() - todo_.size() + finished_; }

void SegmentRun::print_summary(double seconds) const {
  const std::size_t earlier = queries_.size() - todo_.size();
  const std::size_t failed = queries_.size() - done();
  std::vector<std::size_t> objects(supports_.size(), 0);
  for (const io::ImageCounts& row : counts())
    for (std::size_t k = 0; k < std::min(objects.size(), row.objects.size()); ++k)
      objects[k] += row.objects[k];
  std::string of_classes;
  for (std::size_t k = 0; k < objects.size() && objects.size() > 1; ++k)
    of_classes += fmt::format("{}{} {}", k == 0 ? " (" : ", ", objects[k], class_names_[k]);
  if (!of_classes.empty()) of_classes += ")";
  const auto all = std::accumulate(objects.begin(), objects.end(), std::size_t{0});
  print_out(fmt::format(
      "{}{}, {}{} in {:.1f} s{}; files in {}\n", failed > 0 ? fmt::format("{} of ", done()) : "",
      plural(queries_.size(), "image"), plural(all, "object"), of_classes, seconds,
      earlier > 0 ? fmt::format(" ({} done earlier)", earlier) : "", request_.folder.string()));
}

}  // namespace

Exit segment(const SegmentRequest& request) { return SegmentRun(request).run(); }

}  // namespace persense::cli
