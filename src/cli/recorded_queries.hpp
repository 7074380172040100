// recorded_queries.hpp: which queries an earlier run has done, wherever their files are now.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "queries.hpp"
#include "run_record.hpp"

namespace persense::cli {

/// A file's time of change, as the record has it.
std::string modified_at(const std::filesystem::path& path);

/// What tells a file's content from another's; empty of a pipe, which can be read only once.
/// @throws FileNotFound, Unreadable.
std::string content_of(const std::filesystem::path& path);

/// The entry of a query: by where the file is or, where it was moved or copied, by what it holds.
/// Null without one.
const RunRecord::Entry* recorded(const RunRecord& record, const QueryFile& query);

/// A query that was done under some name keeps it, though others have joined it or the folder was
/// moved.
void keep_recorded_names(std::vector<QueryFile>& queries, const RunRecord& record);

}  // namespace persense::cli
