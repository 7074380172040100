#include "persense/eval/dataset.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <map>
#include <string_view>

#include "persense/error.hpp"

namespace persense::eval {

namespace fs = std::filesystem;

namespace {

/// The files of one number.
struct Numbered {
  std::optional<fs::path> image, mask, instances;
};
using Files = std::map<std::uint64_t, Numbered>;

std::string lower_extension(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension;
}

/// Where a file of this name belongs, or nothing when it is none of ours.
std::optional<fs::path>* slot_for(Files& files, const fs::path& path) {
  const std::string stem = path.stem().string();
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(stem.data(), stem.data() + stem.size(), number);
  if (error != std::errc{}) return nullptr;
  const std::string_view suffix(end, static_cast<std::size_t>(stem.data() + stem.size() - end));
  const std::string extension = lower_extension(path);
  if (extension == ".png" && suffix.empty()) return &files[number].mask;
  if (extension == ".png" && suffix == "_instances") return &files[number].instances;
  static constexpr std::array<std::string_view, 6> pictures = {".jpg",  ".jpeg", ".tif",
                                                               ".tiff", ".webp", ".bmp"};
  if (suffix.empty() && std::find(pictures.begin(), pictures.end(), extension) != pictures.end())
    return &files[number].image;
  return nullptr;
}

std::vector<fs::path> sorted_entries(const fs::path& folder) try {
  std::vector<fs::path> entries;
  for (const auto& entry : fs::directory_iterator(folder)) entries.push_back(entry.path());
  std::sort(entries.begin(), entries.end());
  return entries;
} catch (const fs::filesystem_error& e) {
  throw Unreadable(
      fmt::format("{}: cannot list the folder: {}", folder.string(), e.code().message()));
}

Files numbered_files(const std::vector<fs::path>& entries) {
  Files files;
  for (const fs::path& path : entries) {
    if (fs::is_directory(path)) continue;
    auto* slot = slot_for(files, path);
    if (slot == nullptr) continue;
    if (slot->has_value())
      throw InvalidArgument(fmt::format("{}: has the same number as {}, expected one of them",
                                        path.string(), (*slot)->string()));
    *slot = path;
  }
  return files;
}

DatasetClass class_of(const fs::path& folder, const Files& files) {
  DatasetClass result;
  result.name = fs::absolute(folder).lexically_normal().filename().string();
  if (result.name.empty())  // the path ended with a slash
    result.name = fs::absolute(folder).lexically_normal().parent_path().filename().string();
  const auto support = files.find(0);
  if (support == files.end() || !support->second.image)
    throw FileNotFound(
        fmt::format("{}: missing, expected the support image (00 and jpg, tif, webp or bmp)",
                    (folder / "00.jpg").string()));
  if (!support->second.mask)
    throw FileNotFound(
        fmt::format("{}: missing, expected the support mask", (folder / "00.png").string()));
  result.supports.push_back({*support->second.image, *support->second.mask, {}, {}, {}});
  for (const auto& [number, file] : files) {
    if (number == 0) continue;
    if (!file.image) {
      const fs::path truth = file.mask ? *file.mask : *file.instances;
      throw FileNotFound(
          fmt::format("{}: has no image {:02}.jpg beside it", truth.string(), number));
    }
    if (!file.mask && !file.instances)
      throw FileNotFound(fmt::format("{}: has no truth, expected {}", file.image->string(),
                                     fs::path(*file.image).replace_extension(".png").string()));
    result.queries.push_back({file.image->stem().string(), *file.image, file.mask, file.instances});
  }
  if (result.queries.empty())
    throw InvalidArgument(
        fmt::format("{}: has no query, expected 01.jpg and 01.png or more", folder.string()));
  return result;
}

}  // namespace

Dataset open_dataset(const fs::path& path) {
  if (!fs::exists(path))
    throw FileNotFound(fmt::format("{}: no such folder, expected a data set", path.string()));
  if (!fs::is_directory(path))
    throw Unreadable(fmt::format("{}: not a folder, expected a data set", path.string()));
  const auto entries = sorted_entries(path);
  const Files own = numbered_files(entries);
  Dataset dataset;
  if (own.contains(0)) {
    dataset.classes.push_back(class_of(path, own));
    return dataset;
  }
  for (const fs::path& entry : entries) {
    if (!fs::is_directory(entry) || entry.filename().string().starts_with('.')) continue;
    const Files files = numbered_files(sorted_entries(entry));
    if (!files.empty()) dataset.classes.push_back(class_of(entry, files));
  }
  if (dataset.classes.empty())
    throw InvalidArgument(fmt::format(
        "{}: not a data set, expected class folders with 00.jpg, 00.png, 01.jpg, 01.png, ...",
        path.string()));
  return dataset;
}

}  // namespace persense::eval
