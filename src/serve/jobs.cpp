#include "jobs.hpp"

#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "io/cell.hpp"
#include "persense/error.hpp"
#include "persense/io/class_names.hpp"
#include "persense/io/coco.hpp"
#include "persense/io/files.hpp"

namespace persense::serve {

namespace fs = std::filesystem;

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
  for (const auto& [name, result] : done_) {
    std::vector<std::size_t> counts;
    for (const ClassResult& c : result.classes) counts.push_back(c.count);
    rows.push_back({{"image", name}, {"counts", counts}});
  }
  return {{"running", running_},    {"done", done_.size() + failed_.size()},
          {"total", names_.size()}, {"failed", failed_},
          {"rows", rows},           {"classes", classes_.names}};
}

std::string FolderRun::coco() const {
  const std::scoped_lock lock(guard_);
  if (done_.empty()) throw InvalidArgument("run: nothing is done yet");
  return written([&](const fs::path& path) {
    io::CocoHeader header;
    header.categories = io::class_names(done_.front().second);
    header.stages = engine_.stages();
    header.options = engine_.options();
    io::CocoWriter writer(path, header);
    for (const auto& [name, result] : done_) writer.add(name, result);
    writer.close();
  });
}

std::string FolderRun::counts() const {
  const std::scoped_lock lock(guard_);
  if (done_.empty()) throw InvalidArgument("run: nothing is done yet");
  std::string text = "image";
  for (const std::string& name : io::class_names(done_.front().second))
    text.append(",").append(io::cell_of(name));
  text += ",estimated,confidence\n";
  for (const auto& [name, result] : done_) {
    text += io::cell_of(name);
    for (const ClassResult& c : result.classes) text += fmt::format(",{}", c.count);
    text += fmt::format(",{:.1f},{:.2f}\n", result.estimated_count(), result.count_confidence());
  }
  return text;
}

std::string written(const std::function<void(const fs::path&)>& write) {
  std::string pattern = (fs::temp_directory_path() / "persense-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr)
    throw Unwritable(fmt::format("{}: {}", pattern, std::generic_category().message(errno)));
  struct Removed {
    fs::path folder;
    ~Removed() {
      std::error_code ignored;
      fs::remove_all(folder, ignored);
    }
  } const removed{pattern};
  const fs::path file = fs::path(pattern) / "file";
  write(file);
  const auto bytes = io::read_file(file);
  return {bytes.begin(), bytes.end()};
}

}  // namespace persense::serve
