// Any folder of images and label images.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <opencv2/core.hpp>
#include <utility>

#include "formats.hpp"
#include "persense/error.hpp"
#include "persense/eval/marks.hpp"
#include "persense/io/images.hpp"
#include "random.hpp"

namespace persense::eval {

namespace fs = std::filesystem;

namespace {

struct Pair {
  fs::path image, labels;
};

fs::path labels_folder(const fs::path& folder) {
  for (const char* name : {"labels", "masks"})
    if (fs::is_directory(folder / name)) return folder / name;
  return {};
}

/// "01_labels.png" of the image 01.*, or nothing.
std::string image_stem(const std::string& stem) {
  for (const std::string suffix : {"_labels", "_instances"})
    if (stem.size() > suffix.size() && stem.ends_with(suffix))
      return stem.substr(0, stem.size() - suffix.size());
  return {};
}

std::vector<Pair> pairs_of(const fs::path& folder, const fs::path& images_named) {
  const fs::path below = labels_folder(folder);
  const fs::path images = !images_named.empty()                 ? images_named
                          : fs::is_directory(folder / "images") ? folder / "images"
                                                                : folder;
  std::map<std::string, fs::path> labels;
  for (const fs::path& file : image_files(below.empty() ? folder : below)) {
    const std::string stem = file.stem().string(), of_image = image_stem(stem);
    if (!of_image.empty())
      labels[of_image] = file;
    else if (!below.empty())
      labels.emplace(stem, file);
  }
  std::vector<Pair> pairs;
  for (const fs::path& file : image_files(images)) {
    const auto at = labels.find(file.stem().string());
    if (at != labels.end() && at->second != file) pairs.push_back({file, at->second});
  }
  return pairs;
}

/// A typical object of the first image, in the seed's order, that has one, and that image's place.
std::pair<std::size_t, LabelledObject> choose_support(const std::vector<Pair>& pairs,
                                                      std::uint64_t seed) {
  std::vector<std::size_t> order(pairs.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  detail::Random(seed).shuffle(order);
  for (const std::size_t i : order) {
    const cv::Mat labels = io::read_labels(pairs[i].labels);
    const auto objects = typical_objects(labels, 1);
    if (objects.empty()) continue;
    double label = 0;
    cv::minMaxIdx(labels, nullptr, &label, nullptr, nullptr, objects[0]);
    return {i, {pairs[i].labels, static_cast<std::int32_t>(label)}};
  }
  throw InvalidArgument(fmt::format("{}: no label image has an object, expected a support",
                                    pairs.front().labels.parent_path().string()));
}

}  // namespace

bool has_labels(const fs::path& folder) { return !pairs_of(folder, {}).empty(); }

Dataset open_labels(const fs::path& path, const DatasetRequest& request) {
  if (!fs::is_directory(path))
    throw FileNotFound(
        fmt::format("{}: no such folder, expected images and label images", path.string()));
  const std::vector<Pair> pairs = pairs_of(path, request.images);
  if (pairs.size() < 2)
    throw InvalidArgument(
        fmt::format("{}: {} with a label image, expected two or more: images/NAME.* and "
                    "labels/NAME.png, or NAME.* and NAME_labels.png",
                    path.string(), pairs.empty() ? "no image" : "one image"));
  Dataset dataset;
  dataset.format = "labels";
  DatasetClass all;
  all.name = fs::absolute(path / ".").lexically_normal().parent_path().filename().string();
  auto [shown, object] = choose_support(pairs, request.seed.value_or(0));
  DatasetSupport support;
  support.image = pairs[shown].image;
  support.labelled = std::move(object);
  all.supports.push_back(std::move(support));
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (i == shown) continue;
    DatasetQuery query{pairs[i].image.stem().string(), pairs[i].image};
    query.instances = pairs[i].labels;
    all.queries.push_back(std::move(query));
  }
  dataset.classes.push_back(std::move(all));
  return dataset;
}

}  // namespace persense::eval
