#include "recorded_queries.hpp"

#include <fmt/format.h>

#include <map>
#include <set>

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

const RunRecord::Entry* recorded(const RunRecord& record, const QueryFile& query) {
  std::error_code ignored;
  const auto bytes = fs::file_size(query.path, ignored);
  const auto* const entry = record.find(query.key());
  if (entry != nullptr && entry->bytes == bytes && entry->modified == modified_at(query.path))
    return entry;
  if (ignored || !record.has_size(bytes)) return nullptr;
  try {
    return record.find_content(content_of(query.path), query.page);
  } catch (const Error&) {  // segmenting it says it
    return nullptr;
  }
}

}  // namespace

std::vector<const RunRecord::Entry*> keep_recorded_names(std::vector<QueryFile>& queries,
                                                         const RunRecord& record) {
  std::vector<const RunRecord::Entry*> entries;
  std::map<std::string, std::string> known;
  std::set<std::string> taken;
  for (const QueryFile& query : queries) {
    const auto* const entry = entries.emplace_back(recorded(record, query));
    if (entry == nullptr || !taken.insert(entry->name).second) continue;
    // text of bytes that are not UTF-8 is not their name
    known[query.key()] = text_of(query.name) == entry->name ? query.name : entry->name;
  }
  keep_names(queries, known);
  return entries;
}

}  // namespace persense::cli
