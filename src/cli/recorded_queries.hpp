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

/// A query that was done under some name keeps it, though others have joined it or the folder was
/// moved.
/// @return  each one's entry: by where the file is or, where it was moved or copied, by what it
///   holds; null without one. They live as long as the record.
std::vector<const RunRecord::Entry*> keep_recorded_names(std::vector<QueryFile>& queries,
                                                         const RunRecord& record);

}  // namespace persense::cli
