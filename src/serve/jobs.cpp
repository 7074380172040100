#include "jobs.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "persense/error.hpp"
#include "persense/io/class_names.hpp"
#include "persense/io/coco.hpp"
#include "persense/io/files.hpp"
#include "persense/io/tables.hpp"
#include "temporary_folder.hpp"

namespace persense::serve {

Queries::Entry::Entry(Queries& all, std::string name) : all_(all), name_(std::move(name)) {
  const std::scoped_lock lock(all_.guard_);
  all_.running_.emplace(name_, source_);
}

Queries::Entry::~Entry() {
  const std::scoped_lock lock(all_.guard_);
  const auto [first, last] = all_.running_.equal_range(name_);
  const auto own = std::find_if(first, last, [&](const auto& e) { return e.second == source_; });
  if (own != last) all_.running_.erase(own);
}

bool Queries::cancel(const std::string& name) {
  const std::scoped_lock lock(guard_);
  const auto [first, last] = running_.equal_range(name);
  std::for_each(first, last, [](auto& entry) { entry.second.request_stop(); });
  return first != last;
}

void Queries::cancel_all() {
  const std::scoped_lock lock(guard_);
  for (auto& [name, source] : running_) source.request_stop();
}

std::size_t Results::add(Kept kept) {
  constexpr std::size_t most = 16;
  const std::scoped_lock lock(guard_);
  kept_.emplace_front(next_, std::make_shared<const Kept>(std::move(kept)));
  if (kept_.size() > most) kept_.pop_back();
  return next_++;
}

std::shared_ptr<const Results::Kept> Results::at(std::size_t id) const {
  const std::scoped_lock lock(guard_);
  for (const auto& [own, kept] : kept_)
    if (own == id) return kept;
  throw InvalidArgument(fmt::format("result {}: is no longer kept; find the objects again", id));
}

FolderRun::~FolderRun() { cancel(); }

void FolderRun::start(MarkedClasses classes, FilterOptions filter, double min_score) {
  {
    const std::scoped_lock lock(guard_);
    if (running_) throw InvalidArgument("run: one is going on; cancel it first");
    classes_ = std::move(classes);
    names_ = images_.names();
    done_.clear();
    failed_.clear();
    running_ = true;
  }
  worker_ = std::jthread([this, filter, min_score](const std::stop_token& stop) {
    work(stop, filter, min_score);
    const std::scoped_lock lock(guard_);
    running_ = false;
  });
}

void FolderRun::cancel() { worker_.request_stop(); }

void FolderRun::work(const std::stop_token& stop, const FilterOptions& filter, double min_score) {
  for (const std::string& name : names_) {
    if (stop.stop_requested()) return;
    try {
      const auto image = images_.open(name);
      RunOptions run;
      run.filter = filter;
      run.stop = stop;
      Result result = kept_of(engine_.segment(image->encoded, classes_.supports, run),
                              Json{{"min_score", min_score}});
      const std::scoped_lock lock(guard_);
      done_.emplace_back(name, std::move(result));
    } catch (const Cancelled&) {
      return;
    } catch (const std::exception& error) {
      const std::scoped_lock lock(guard_);
      failed_.push_back(fmt::format("{}: {}", name, error.what()));
    }
  }
}

Json FolderRun::progress() const {
  const std::scoped_lock lock(guard_);
  Json rows = Json::array();
  for (const auto& [name, result] : done_)
    rows.push_back({{"image", name}, {"counts", io::counts_of(name, result).objects}});
  return {{"running", running_},    {"done", done_.size() + failed_.size()},
          {"total", names_.size()}, {"failed", failed_},
          {"rows", rows},           {"classes", classes_.names}};
}

std::string FolderRun::coco() const {
  const std::scoped_lock lock(guard_);
  if (done_.empty()) throw InvalidArgument("run: nothing is done yet");
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "instances.json";
  io::CocoWriter writer(file, coco_header(engine_, done_.front().second));
  for (const auto& [name, result] : done_) writer.add(name, result);
  writer.close();
  const auto bytes = io::read_file(file);
  return {bytes.begin(), bytes.end()};
}

std::string FolderRun::counts() const {
  const std::scoped_lock lock(guard_);
  if (done_.empty()) throw InvalidArgument("run: nothing is done yet");
  std::vector<io::ImageCounts> rows;
  for (const auto& [name, result] : done_) rows.push_back(io::counts_of(name, result));
  return io::counts_to_csv(io::class_names(done_.front().second), rows);
}

io::CocoHeader coco_header(const Engine& engine, const Result& result) {
  io::CocoHeader header;
  header.categories = io::class_names(result);
  header.stages = engine.stages();
  header.options = engine.options();
  return header;
}

}  // namespace persense::serve
