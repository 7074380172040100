// counts_table.hpp: how many objects each query of a run shows.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace persense::cli {

/// One query's counts.
struct QueryCounts {
  std::string image;                 ///< as the COCO file calls it
  std::vector<std::size_t> objects;  ///< of each class
  double estimated = 0;              ///< the density's sum, of all classes
  double confidence = 1;             ///< see Result::count_confidence
};

/// Writes counts.csv: `image`, a column for each class, `estimated`, `confidence`.
/// @throws Unwritable.
void write_counts(const std::filesystem::path& path, std::span<const std::string> classes,
                  std::span<const QueryCounts> rows);

}  // namespace persense::cli
