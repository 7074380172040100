// queries.hpp: from QUERY arguments to a list of images, each with the name of its outputs.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace persense::cli {

struct QueryFile {
  std::filesystem::path path;
  std::string name;  ///< stem of its outputs, unique within the run
};

/// Expands the arguments in order: a folder into the images directly in it, sorted by name; a
/// pattern with * ? [ into the files it matches, sorted; anything else is a file, there or not. A
/// file named twice is taken once.
/// @throws FileNotFound  a folder without images, a pattern without match.
std::vector<QueryFile> expand_queries(const std::vector<std::string>& arguments);

/// What tells files apart: the absolute path with links followed, as far as it exists.
std::filesystem::path identity(const std::filesystem::path& path);

}  // namespace persense::cli
