// queries.hpp: from QUERY arguments to a list of images, each with the name of its outputs.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace persense::cli {

struct QueryFile {
  std::filesystem::path path;
  int page = 1;      ///< of a TIFF, from 1
  std::string name;  ///< stem of its outputs, unique within the run

  /// What tells queries apart: the file's identity, and the page.
  std::string key() const;
};

struct Queries {
  std::vector<QueryFile> files;
  std::vector<std::string> notes;  ///< what was left out
};

/// Which pages of TIFF files are queries: one of each, or all.
struct Pages {
  std::optional<int> only;  ///< none: the first, and a note where there are others
  bool all = false;
};

/// @throws InvalidArgument  neither a number from 1 nor "all"; empty is neither.
Pages pages_from(const std::string& text);

/// Expands the arguments in order: a folder into the images directly in it, sorted by name; a
/// pattern with * ? [ into the files it matches, sorted; anything else is a file, there or not. A
/// file named twice is taken once. Of folders and patterns, hidden files, files of other formats,
/// outputs of this program and `no_queries` (masks, say) are left out.
/// @throws FileNotFound  a folder without images, a pattern without match.
Queries expand_queries(const std::vector<std::string>& arguments, const Pages& pages = {},
                       const std::set<std::filesystem::path>& no_queries = {});

/// Gives names anew, so that queries keep those that they had. @param known  by key.
void keep_names(std::vector<QueryFile>& queries, const std::map<std::string, std::string>& known);

/// What tells files apart: the absolute path with links followed, as far as it exists.
std::filesystem::path identity(const std::filesystem::path& path);

/// A file name as text that is UTF-8: bytes that are not become \xHH, so that two names stay two.
std::string text_of(const std::filesystem::path& path);

}  // namespace persense::cli
