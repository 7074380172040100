#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "formats.hpp"
#include "persense/error.hpp"
#include "persense/eval/dataset.hpp"
#include "random.hpp"

namespace persense::eval {

namespace fs = std::filesystem;

namespace {

constexpr std::array<std::pair<std::string_view, Format>, 6> format_names = {
    {{"auto", Format::automatic},
     {"persense_d", Format::persense_d},
     {"coco", Format::coco},
     {"lvis", Format::lvis},
     {"fsc147", Format::fsc147},
     {"labels", Format::labels}}};

bool is_json(const fs::path& path) { return path.extension() == ".json"; }

/// The JSON files of a folder and of its `annotations`, that begin as one does.
std::vector<fs::path> json_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const fs::path& place : {folder, folder / "annotations"}) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(place, ignored))
      if (is_json(entry.path())) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

bool has_class_folders(const fs::path& folder) {
  // an image of number 0, and masks, which are PNGs, beside it
  const auto has_support = [](const fs::path& f) {
    bool image = false, masks = false;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(f, ignored)) {
      const std::string stem = entry.path().stem().string();
      const bool png = entry.path().extension() == ".png";
      masks = masks || png;
      image = image || (!png && !stem.empty() && stem.find_first_not_of('0') == stem.npos);
    }
    return image && masks;
  };
  if (has_support(folder)) return true;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored))
    if (entry.is_directory() && has_support(entry.path())) return true;
  return false;
}

Format detected(const fs::path& path) {
  if (!fs::exists(path) || has_class_folders(path)) return Format::persense_d;
  if (!fs::is_directory(path)) return is_json(path) ? Format::coco : Format::persense_d;
  if (!fsc147_annotations(path).empty()) return Format::fsc147;
  if (has_labels(path)) return Format::labels;
  return json_files(path).empty() ? Format::persense_d : Format::coco;
}

void require_unused(bool given, const char* flag, const std::string& format) {
  if (given)
    throw InvalidArgument(
        fmt::format("{}: has no meaning for the format {}, expected coco or lvis", flag, format));
}

}  // namespace

fs::path annotation_file(const fs::path& path) {
  if (!fs::is_directory(path)) return path;
  const auto files = json_files(path);
  if (files.size() == 1) return files[0];
  std::vector<std::string> names;
  for (const fs::path& file : files) names.push_back(file.lexically_relative(path).string());
  throw InvalidArgument(
      files.empty() ? fmt::format("{}: has no JSON file, expected annotations", path.string())
                    : fmt::format("{}: has several JSON files ({}), expected one; name the file",
                                  path.string(), fmt::join(names, ", ")));
}

Format format_of(std::string_view name) {
  for (const auto& [known, format] : format_names)
    if (known == name) return format;
  throw InvalidArgument(fmt::format(
      "--format: got \"{}\", expected auto, persense_d, coco, lvis, fsc147 or labels", name));
}

Dataset open_dataset(const fs::path& path, const DatasetRequest& request) {
  const Format format = request.format == Format::automatic ? detected(path) : request.format;
  if (format == Format::coco || format == Format::lvis)
    return open_annotated(annotation_file(path), request);
  Dataset dataset = format == Format::fsc147   ? open_fsc147(path, request)
                    : format == Format::labels ? open_labels(path, request)
                                               : open_dataset(path);
  if (dataset.format == "persense_d" && !request.images.empty())
    throw InvalidArgument(
        "--images: has no meaning for persense_d, whose images are in its classes");
  require_unused(request.fold.has_value(), "--fold", dataset.format);
  require_unused(request.absent > 0, "--absent", dataset.format);
  require_unused(request.support.has_value(), "--support-annotation", dataset.format);
  require_unused(request.extent != SupportExtent::automatic, "--support-extent", dataset.format);
  choose_queries(dataset, request);
  return dataset;
}

std::vector<fs::path> image_files(const fs::path& folder) {
  static const std::set<std::string> extensions = {".jpg", ".jpeg", ".jfif", ".png",
                                                   ".tif", ".tiff", ".webp", ".bmp"};
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    std::string extension = entry.path().extension().string();
    std::transform(extension.begin(), extension.end(), extension.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (!entry.path().filename().string().starts_with('.') && extensions.contains(extension))
      files.push_back(entry.path());
  }
  if (error) throw Unreadable(fmt::format("{}: {}", folder.string(), error.message()));
  std::sort(files.begin(), files.end());
  return files;
}

EpisodeList episodes_of(const DatasetRequest& request, const std::string& format,
                        const std::function<EpisodeList()>& make) {
  const fs::path& path = request.episode_list;
  if (path.empty() || !fs::exists(path)) {
    EpisodeList list = make();
    if (!path.empty()) write_episodes(path, list);
    return list;
  }
  EpisodeList list = read_episodes(path);
  const auto require = [&](bool same, const char* flag, const auto& got, const auto& expected) {
    if (!same)
      throw InvalidArgument(
          fmt::format("{}: got {}, expected {} as the episode list {} has (remove it for another)",
                      flag, got, expected, path.string()));
  };
  require(list.format == format, "--episode-list", format, list.format);
  if (request.fold)
    require(request.fold == list.fold, "--fold", *request.fold,
            list.fold ? std::to_string(*list.fold) : "none");
  if (request.seed) require(*request.seed == list.seed, "--seed", *request.seed, list.seed);
  if (request.episodes)
    require(*request.episodes == list.episodes.size(), "--episodes", *request.episodes,
            list.episodes.size());
  return list;
}

void choose_queries(Dataset& dataset, const DatasetRequest& request) {
  if (!request.episodes && request.episode_list.empty()) return;
  const auto marked_of = [](const DatasetSupport& support) {
    return support.labelled ? std::vector<std::int64_t>{support.labelled->label}
                            : std::vector<std::int64_t>();
  };
  const EpisodeList list = episodes_of(request, dataset.format, [&] {
    EpisodeList all{dataset.format, std::nullopt, request.seed.value_or(0), {}};
    for (const DatasetClass& c : dataset.classes)
      for (const DatasetQuery& q : c.queries) {
        const DatasetSupport& support = c.supports[q.support];
        all.episodes.push_back({c.name, support.image.filename().string(), marked_of(support),
                                q.image.filename().string()});
      }
    if (!request.episodes || *request.episodes >= all.episodes.size()) return all;
    std::vector<std::size_t> order(all.episodes.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    detail::Random(all.seed).shuffle(order);
    order.resize(*request.episodes);
    std::sort(order.begin(), order.end());
    EpisodeList some = all;
    some.episodes.clear();
    for (const std::size_t i : order) some.episodes.push_back(all.episodes[i]);
    return some;
  });
  std::set<std::pair<std::string, std::string>> wanted;
  for (const Episode& e : list.episodes) wanted.emplace(e.class_name, e.query_image);
  for (DatasetClass& c : dataset.classes)
    std::erase_if(c.queries, [&](const DatasetQuery& q) {
      return wanted.erase({c.name, q.image.filename().string()}) == 0;
    });
  if (!wanted.empty())
    throw InvalidArgument(
        fmt::format("--episode-list: {}: the data set has no query {} of the class {}",
                    request.episode_list.string(), wanted.begin()->second, wanted.begin()->first));
  std::erase_if(dataset.classes, [](const DatasetClass& c) { return c.queries.empty(); });
}

}  // namespace persense::eval
