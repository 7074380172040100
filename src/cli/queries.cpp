#include "queries.hpp"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "persense/error.hpp"

namespace persense::cli {

namespace fs = std::filesystem;

fs::path identity(const fs::path& path) {
  std::error_code error;
  fs::path canonical = fs::weakly_canonical(path, error);
  return error ? path.lexically_normal() : canonical;
}

namespace {

bool has_image_extension(const fs::path& path) {
  static const std::set<std::string> extensions = {".png", ".jpg",  ".jpeg", ".jpe", ".tif",
                                                   ".bmp", ".webp", ".tiff", ".dib"};
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extensions.contains(extension);
}

std::vector<fs::path> images_in(const fs::path& folder) {
  std::vector<fs::path> images;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error))
    if (std::error_code ignored;
        has_image_extension(entry->path()) && !entry->is_directory(ignored))
      images.push_back(entry->path());
  if (error) throw Unreadable(fmt::format("query folder {}: {}", folder.string(), error.message()));
  if (images.empty())
    throw FileNotFound(
        fmt::format("query folder {}: holds no image, expected png, jpg, tif, webp or bmp files",
                    folder.string()));
  std::sort(images.begin(), images.end());
  return images;
}

std::vector<fs::path> matches_of(const std::string& pattern) {
  glob_t found{};
  const int status = glob(pattern.c_str(), GLOB_TILDE, nullptr, &found);
  std::vector<fs::path> paths(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  if (status == GLOB_NOSPACE) throw OutOfMemory(fmt::format("query {}: out of memory", pattern));
  std::erase_if(paths, [](const fs::path& path) {
    std::error_code ignored;
    return fs::is_directory(path, ignored);
  });
  if (paths.empty())
    throw FileNotFound(fmt::format("query {}: the pattern matches no file", pattern));
  return paths;
}

std::vector<fs::path> expand(const std::string& argument) {
  std::error_code ignored;  // not there, or not allowed: reading it will say so
  if (fs::is_directory(argument, ignored)) return images_in(argument);
  if (!fs::exists(argument, ignored) && argument.find_first_of("*?[") != std::string::npos)
    return matches_of(argument);
  return {argument};
}

// Ever longer names for one file; two different files differ in the last at the latest, unless
// their parents' names clash too.
std::vector<std::string> name_choices(const fs::path& path) {
  const std::string stem = path.stem().string();
  std::string extension = path.extension().string();
  if (!extension.empty()) extension[0] = '_';
  const std::string parent = identity(path).parent_path().filename().string();
  return {stem, stem + extension, parent + "_" + stem + extension};
}

std::map<std::string, int> count_names(const std::vector<QueryFile>& queries) {
  std::map<std::string, int> count;
  for (const auto& query : queries) ++count[query.name];
  return count;
}

void name_apart(std::vector<QueryFile>& queries) {
  for (std::size_t choice = 0; choice < 3; ++choice) {
    const auto taken = count_names(queries);
    for (auto& query : queries)
      if (choice == 0 || taken.at(query.name) > 1) query.name = name_choices(query.path)[choice];
  }
  const auto taken = count_names(queries);
  for (const auto& query : queries)
    if (taken.at(query.name) > 1)
      throw InvalidArgument(fmt::format(
          "query {}: another query would get the same output name {}; expected distinct names",
          query.path.string(), query.name));
}

}  // namespace

std::vector<QueryFile> expand_queries(const std::vector<std::string>& arguments) {
  std::vector<QueryFile> queries;
  std::set<fs::path> seen;
  for (const auto& argument : arguments)
    for (const auto& path : expand(argument))
      if (seen.insert(identity(path)).second) queries.push_back({path, {}});
  name_apart(queries);
  return queries;
}

}  // namespace persense::cli
