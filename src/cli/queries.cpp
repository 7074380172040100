#include "queries.hpp"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>
#include <numeric>
#include <set>

#include "console.hpp"
#include "persense/detail/utf8.hpp"
#include "persense/error.hpp"
#include "quiet_io.hpp"

namespace persense::cli {

namespace fs = std::filesystem;

fs::path identity(const fs::path& path) {
  std::error_code error;
  fs::path canonical = fs::weakly_canonical(path, error);
  return error ? path.lexically_normal() : canonical;
}

std::string QueryFile::key() const {
  const std::string file = text_of(identity(path));
  return page == 1 ? file : fmt::format("{}#page={}", file, page);
}

std::string text_of(const fs::path& path) {
  const std::string bytes = path.string();
  std::string text;
  for (std::size_t i = 0; i < bytes.size();) {
    const std::size_t length = detail::utf8_length(bytes, i);
    if (length == 0)
      text += fmt::format("\\x{:02X}", static_cast<unsigned char>(bytes[i++]));
    else
      text += bytes.substr(i, length), i += length;
  }
  return text;
}

Pages pages_from(const std::string& text) {
  Pages pages;
  if (text.empty()) return pages;
  if (text == "all") {
    pages.all = true;
    return pages;
  }
  int only = 0;
  const char* const end = text.data() + text.size();
  if (const auto read = std::from_chars(text.data(), end, only);
      read.ec != std::errc() || read.ptr != end || only < 1)
    throw InvalidArgument(
        fmt::format("--page: got \"{}\", expected a number from 1, or all", text));
  pages.only = only;
  return pages;
}

namespace {

std::string extension_of(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension;
}

bool has_image_extension(const fs::path& path) {
  static const std::set<std::string> extensions = {".png", ".jpg", ".jpeg", ".jpe",  ".jfif",
                                                   ".tif", ".bmp", ".webp", ".tiff", ".dib"};
  return extensions.contains(extension_of(path));
}

/// Formats of images that are not read.
bool has_other_extension(const fs::path& path) {
  static const std::set<std::string> extensions = {
      ".heic", ".heif", ".gif", ".jp2", ".j2k", ".jxl", ".avif", ".dng", ".nef",
      ".cr2",  ".cr3",  ".arw", ".orf", ".rw2", ".raf", ".raw",  ".svg", ".psd",
      ".xcf",  ".ico",  ".czi", ".lif", ".nd2", ".svs", ".ndpi", ".exr", ".hdr",
      ".pbm",  ".pgm",  ".ppm", ".pnm", ".tga", ".pcx", ".dcm",  ".eps", ".pdf"};
  return extensions.contains(extension_of(path));
}

/// What of a folder, or of a pattern's matches, is a query, and what is not.
class Sieve {
 public:
  explicit Sieve(const std::set<fs::path>& no_queries) : no_queries_(no_queries) {}

  std::vector<fs::path> sifted(std::vector<fs::path> paths, bool by_extension) {
    std::set<std::string> stems;
    for (const fs::path& path : paths) stems.insert(path.stem().string());
    std::erase_if(paths, [&](const fs::path& path) {
      if (path.filename().string().starts_with('.')) return true;  // hidden: macOS has ._NAME
      if (no_queries_.contains(identity(path))) return ++masks_, true;
      if (is_output(path, stems)) return ++outputs_, true;
      if (!by_extension || has_image_extension(path)) return false;
      if (has_other_extension(path)) ++others_[extension_of(path).substr(1)];
      return true;
    });
    return paths;
  }

  std::vector<std::string> notes(const std::string& where) const {
    std::vector<std::string> notes;
    std::string kinds;
    std::size_t others = 0;
    for (const auto& [kind, count] : others_) {
      kinds += (kinds.empty() ? "" : ", ") + kind;
      others += count;
    }
    const auto add = [&](std::size_t count, const std::string& what) {
      if (count > 0) notes.push_back(fmt::format("{}: left out {}", where, what));
    };
    add(others, fmt::format("{} of formats that are not read ({})", plural(others, "file"), kinds));
    add(outputs_, fmt::format("{} that this program wrote", plural(outputs_, "file")));
    add(masks_, fmt::format("{} that marks the support object", plural(masks_, "file")));
    return notes;
  }

 private:
  /// NAME_overlay.png beside an image NAME and the like, in a folder that a run wrote to.
  static bool is_output(const fs::path& path, const std::set<std::string>& stems) {
    std::error_code ignored;
    if (extension_of(path) != ".png" || !fs::exists(path.parent_path() / ".persense-run", ignored))
      return false;
    const std::string stem = path.stem().string();
    for (const char* const kind : {"_overlay", "_labels", "_classes", "_trace"}) {
      const auto at = stem.rfind(kind);
      if (at == std::string::npos || at == 0) continue;
      const std::string rest = stem.substr(at + std::string(kind).size());
      if (!rest.empty() && (std::string(kind) != "_trace" || rest[0] != '_')) continue;
      const std::string of = stem.substr(0, at);
      // NAME, or what stands before _jpg, _p2
      for (auto end = of.size(); end != of.npos && end > 0; end = of.rfind('_', end - 1))
        if (stems.contains(of.substr(0, end))) return true;
    }
    return stem.size() == 10 && stem.starts_with("support_");
  }

  const std::set<fs::path>& no_queries_;
  std::map<std::string, std::size_t> others_;
  std::size_t outputs_ = 0, masks_ = 0;
};

std::vector<fs::path> images_in(const fs::path& folder, Sieve& sieve) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error))
    if (std::error_code ignored; !entry->is_directory(ignored)) files.push_back(entry->path());
  if (error) throw Unreadable(fmt::format("query folder {}: {}", folder.string(), error.message()));
  std::vector<fs::path> images = sieve.sifted(std::move(files), true);
  if (images.empty()) {
    std::string left_out;
    for (const std::string& note : sieve.notes("")) left_out += note;
    throw FileNotFound(
        fmt::format("query folder {}: holds no image, expected png, jpg, tif, webp or bmp files{}",
                    folder.string(), left_out));
  }
  std::sort(images.begin(), images.end());
  return images;
}

std::vector<fs::path> matches_of(const std::string& pattern, Sieve& sieve) {
  glob_t found{};
  const int status = glob(pattern.c_str(), GLOB_TILDE, nullptr, &found);
  std::vector<fs::path> paths(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  if (status == GLOB_NOSPACE) throw OutOfMemory(fmt::format("query {}: out of memory", pattern));
  std::erase_if(paths, [](const fs::path& path) {
    std::error_code ignored;
    return fs::is_directory(path, ignored);
  });
  paths = sieve.sifted(std::move(paths), false);
  if (paths.empty())
    throw FileNotFound(fmt::format("query {}: the pattern matches no file", pattern));
  return paths;
}

std::vector<fs::path> expand(const std::string& argument, Sieve& sieve) {
  std::error_code ignored;  // not there, or not allowed: reading it will say so
  if (fs::is_directory(argument, ignored)) return images_in(argument, sieve);
  if (!fs::exists(argument, ignored) && argument.find_first_of("*?[") != std::string::npos)
    return matches_of(argument, sieve);
  return {argument};
}

/// The pages of a file that are queries.
std::vector<int> pages_of(const fs::path& path, const Pages& pages) {
  if (pages.only) return {*pages.only};
  if (!pages.all) return {1};
  int count = 1;
  try {
    count = cli::page_count(path);
  } catch (const Error&) {  // reading it will say it again
  }
  std::vector<int> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 1);
  return all;
}

// Ever longer names for one query; those of two different files differ in the last at the latest,
// unless their parents' names clash too.
std::vector<std::string> name_choices(const QueryFile& query, bool with_page) {
  const fs::path& path = query.path;
  const std::string page = with_page ? fmt::format("_p{}", query.page) : "";
  const std::string stem = path.stem().string();
  std::string extension = path.extension().string();
  if (!extension.empty()) extension[0] = '_';
  const std::string parent = identity(path).parent_path().filename().string();
  return {stem + page, stem + extension + page, parent + "_" + stem + extension + page};
}

std::map<std::string, int> count_names(const std::vector<QueryFile>& queries) {
  std::map<std::string, int> count;
  for (const auto& query : queries) ++count[query.name];
  return count;
}

/// @param known  names that stay as they are, by key.
void name_apart(std::vector<QueryFile>& queries, const std::map<std::string, std::string>& known) {
  std::map<fs::path, int> pages;
  for (const auto& query : queries) ++pages[query.path];
  const auto is_known = [&](const QueryFile& query) { return known.contains(query.key()); };
  for (auto& query : queries)
    if (is_known(query)) query.name = known.at(query.key());
  for (std::size_t choice = 0; choice < 3; ++choice) {
    const auto taken = count_names(queries);
    for (auto& query : queries)
      if (!is_known(query) && (choice == 0 || taken.at(query.name) > 1))
        query.name = name_choices(query, pages[query.path] > 1)[choice];
  }
  const auto taken = count_names(queries);
  for (const auto& query : queries)
    if (taken.at(query.name) > 1)
      throw InvalidArgument(fmt::format(
          "query {}: another query would get the same output name {}; expected distinct names",
          query.path.string(), query.name));
}

}  // namespace

Queries expand_queries(const std::vector<std::string>& arguments, const Pages& pages,
                       const std::set<fs::path>& no_queries) {
  Queries queries;
  std::set<fs::path> seen;
  int again = 0;
  for (const auto& argument : arguments) {
    Sieve sieve(no_queries);
    for (const auto& path : expand(argument, sieve)) {
      if (!seen.insert(identity(path)).second) {
        ++again;
        continue;
      }
      for (const int page : pages_of(path, pages)) queries.files.push_back({path, page, {}});
    }
    for (const std::string& note : sieve.notes(argument)) queries.notes.push_back(note);
  }
  if (again > 0)
    queries.notes.push_back(
        fmt::format("queries: left out {} that {} another one again, by the same name or a link",
                    again, again == 1 ? "is" : "are"));
  name_apart(queries.files, {});
  return queries;
}

void keep_names(std::vector<QueryFile>& queries, const std::map<std::string, std::string>& known) {
  name_apart(queries, known);
}

}  // namespace persense::cli
