#include "recorded_queries.hpp"

#include <fmt/format.h>

#include <map>
#include <set>

#include "fingerprint.hpp"
#include "marks.hpp"
#include "persense/error.hpp"
#include "persense/io/files.hpp"

namespace persense::cli {

namespace fs = std::filesystem;

std::string modified_at(const fs::path& path) {
  std::error_code ignored;  // a file that is not there is reported when it is read
  return fmt::format("{}", fs::last_write_time(path, ignored).time_since_epoch().count());
}

std::string content_of(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) ? fingerprint(io::read_file(path)) : std::string();
}

namespace {

const RunRecord::Entry* recorded_here(const RunRecord& record, const QueryFile& query) {
  std::error_code ignored;
  const auto* const entry = record.find(query.key());
  return entry != nullptr && entry->bytes == fs::file_size(query.path, ignored) &&
                 entry->modified == modified_at(query.path)
             ? entry
             : nullptr;
}

const RunRecord::Entry* recorded_elsewhere(const RunRecord& record, const QueryFile& query,
                                           const std::set<const RunRecord::Entry*>& taken) {
  std::error_code failed;
  const auto bytes = fs::file_size(query.path, failed);
  if (failed || !record.has_size(bytes)) return nullptr;
  try {
    return record.find_content(content_of(query.path), query.page, taken);
  } catch (const Error&) {  // segmenting it says it
    return nullptr;
  }
}

}  // namespace

std::vector<const RunRecord::Entry*> keep_recorded_names(std::vector<QueryFile>& queries,
                                                         const RunRecord& record) {
  std::vector<const RunRecord::Entry*> entries;
  std::set<const RunRecord::Entry*> taken;
  for (const QueryFile& query : queries)
    taken.insert(entries.emplace_back(recorded_here(record, query)));
  // after all that are where they were: of two images with the same bytes each keeps its own
  std::map<std::string, std::string> known;
  std::set<std::string> names;
  for (std::size_t i = 0; i < queries.size(); ++i) {
    const QueryFile& query = queries[i];
    if (entries[i] == nullptr) taken.insert(entries[i] = recorded_elsewhere(record, query, taken));
    // text of bytes that are not UTF-8 is not their name
    if (const auto* const entry = entries[i]; entry != nullptr && names.insert(entry->name).second)
      known[query.key()] = text_of(query.name) == entry->name ? query.name : entry->name;
  }
  keep_names(queries, known);
  return entries;
}

}  // namespace persense::cli
