#include "run_record.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <utility>

#include "json.hpp"
#include "persense/error.hpp"
#include "persense/failure.hpp"
#include "persense/io/files.hpp"

namespace persense::cli {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

// Class names come from files, too, and need not be UTF-8; JSON must be.
std::string to_line(const json& value) { return persense::detail::json_text(value) + "\n"; }

json to_json(const RunRecord::Entry& e) {
  return {{"query", e.query},          {"bytes", e.bytes},     {"modified", e.modified},
          {"content", e.content},      {"name", e.name},       {"image_name", e.image_name},
          {"outputs", e.outputs},      {"objects", e.objects}, {"estimated", e.estimated},
          {"confidence", e.confidence}};
}

/// Thrown beside what JSON's readers throw: a number that no record has.
struct NoCount {};

std::uint64_t count_in(const json& value) {
  const auto count =
      persense::detail::whole_number(value, 0, std::numeric_limits<std::int64_t>::max());
  if (!count) throw NoCount();
  return static_cast<std::uint64_t>(*count);
}

/// @throws json::exception, NoCount.
RunRecord::Entry to_entry(const json& line) {
  RunRecord::Entry entry{
      line.at("query"), count_in(line.at("bytes")), line.at("modified"), line.at("content"),
      line.at("name"),  line.at("image_name"),      line.at("outputs"),  {}};
  for (const json& count : line.at("objects")) entry.objects.push_back(count_in(count));
  entry.estimated = line.value("estimated", 0.0);
  entry.confidence = line.value("confidence", 1.0);
  return entry;
}

}  // namespace

RunRecord::RunRecord(fs::path file, Settings settings)
    : file_(std::move(file)), settings_(std::move(settings)) {}

RunRecord::RunRecord(RunRecord&& other) noexcept
    : file_(std::move(other.file_)),
      settings_(std::move(other.settings_)),
      entries_(std::move(other.entries_)),
      length_(other.length_),
      descriptor_(std::exchange(other.descriptor_, -1)),
      guard_(std::move(other.guard_)) {}

RunRecord::~RunRecord() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

RunRecord RunRecord::start(const fs::path& file, Settings settings) {
  std::error_code error;
  fs::remove(file, error);
  if (error) throw Unwritable(fmt::format("{}: {}", file.string(), error.message()));
  return RunRecord(file, std::move(settings));
}

RunRecord RunRecord::resume(const fs::path& file, Settings settings) {
  RunRecord record(file, std::move(settings));
  std::error_code ignored;
  if (fs::exists(file, ignored) && fs::file_size(file, ignored) > 0) record.read();
  return record;
}

std::optional<RunRecord::Settings> RunRecord::settings_in(const fs::path& file) {
  std::ifstream lines(file);
  std::string header;
  if (!std::getline(lines, header)) return std::nullopt;
  try {
    return persense::detail::parse_json(header).at("settings").get<Settings>();
  } catch (const json::exception&) {  // resume() says it
    return std::nullopt;
  }
}

void RunRecord::read() {
  const auto bytes = io::read_file(file_);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::size_t begin = 0, number = 0;
  // what follows the last line break is a line that a kill cut off; append() overwrites it
  for (std::size_t end; (end = text.find('\n', begin)) != text.npos; begin = end + 1) {
    const std::string line(text.substr(begin, end - begin));
    const auto refuse = [&] {
      throw Unreadable(
          fmt::format("{}: line {} is not a run record; leave out --resume to start anew",
                      file_.string(), number));
    };
    ++number;
    try {
      if (number == 1) {
        check_settings(line);
      } else {
        Entry entry = to_entry(persense::detail::parse_json(line));
        entries_[entry.query] = std::move(entry);
      }
    } catch (const json::exception&) {
      refuse();
    } catch (const NoCount&) {
      refuse();
    }
  }
  length_ = begin;
}

void RunRecord::check_settings(const std::string& header) const {
  const auto earlier = persense::detail::parse_json(header).at("settings").get<Settings>();
  const auto value = [](const Settings& settings, const std::string& key) {
    const auto found = settings.find(key);
    return found == settings.end() ? std::string("nothing") : "\"" + found->second + "\"";
  };
  Settings keys = settings_;
  keys.insert(earlier.begin(), earlier.end());
  for (const auto& [key, unused] : keys)
    if (value(earlier, key) != value(settings_, key))
      throw InvalidArgument(one_line(fmt::format(
          "--resume: the earlier run in {} had {} = {}, this one has {}; give the same, or leave "
          "out --resume to start anew",
          file_.parent_path().parent_path().string(), key, value(earlier, key),
          value(settings_, key))));
}

const RunRecord::Entry* RunRecord::find(const std::string& query) const {
  const auto found = entries_.find(query);
  return found == entries_.end() ? nullptr : &found->second;
}

bool RunRecord::has_size(std::uintmax_t bytes) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const auto& e) { return e.second.bytes == bytes; });
}

const RunRecord::Entry* RunRecord::find_content(const std::string& content, int page,
                                                const std::set<const Entry*>& taken) const {
  const std::string suffix = page == 1 ? "" : fmt::format("#page={}", page);
  for (const auto& [query, entry] : entries_) {
    const auto at = query.rfind("#page=");
    const std::string own = at == query.npos ? "" : query.substr(at);
    if (!content.empty() && entry.content == content && own == suffix && !taken.contains(&entry))
      return &entry;
  }
  return nullptr;
}

void RunRecord::add(const Entry& entry) {
  const std::scoped_lock lock(*guard_);
  const std::string line = to_line(to_json(entry));
  append(length_ == 0 ? to_line({{"settings", settings_}}) + line : line);
}

void RunRecord::close() {
  if (descriptor_ < 0 || ::close(std::exchange(descriptor_, -1)) == 0) return;
  throw Unwritable(fmt::format("{}: {}", file_.string(), std::strerror(errno)));
}

void RunRecord::append(const std::string& line) {
  const auto fail = [this] {
    const std::string reason = std::strerror(errno);
    // best effort: a line that is cut off is not read back either
    if (descriptor_ >= 0) (void)!::ftruncate(descriptor_, static_cast<off_t>(length_));
    if (length_ == 0) ::unlink(file_.c_str());
    throw Unwritable(fmt::format("{}: {}", file_.string(), reason));
  };
  if (descriptor_ < 0) {
    std::error_code ignored;  // open says it better
    fs::create_directories(file_.parent_path(), ignored);
    descriptor_ = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor_ < 0 || ::ftruncate(descriptor_, static_cast<off_t>(length_)) != 0) fail();
  }
  for (std::size_t written = 0; written < line.size();) {
    const auto n = ::pwrite(descriptor_, line.data() + written, line.size() - written,
                            static_cast<off_t>(length_ + written));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail();
    written += static_cast<std::size_t>(n);
  }
  length_ += line.size();
}

}  // namespace persense::cli
