#include "persense/eval/episodes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "annotated_images.hpp"
#include "json.hpp"
#include "persense/error.hpp"
#include "persense/io/files.hpp"
#include "random.hpp"

namespace persense::eval {

namespace fs = std::filesystem;
using nlohmann::ordered_json;
using persense::detail::json_text;

namespace {

constexpr int coco_folds = 4, coco_classes = 80, lvis_folds = 10;
constexpr std::size_t coco_episodes = 1000, lvis_episodes = 2300;

}  // namespace

void write_episodes(const fs::path& path, const EpisodeList& list) {
  std::string text = fmt::format("{{\n\"format\": {},\n", json_text(list.format));
  if (list.fold) text += fmt::format("\"fold\": {},\n", *list.fold);
  text += fmt::format("\"seed\": {},\n\"episodes\": [", list.seed);
  for (std::size_t i = 0; i < list.episodes.size(); ++i) {
    const Episode& e = list.episodes[i];
    ordered_json support = {{"image", e.support_image}};
    if (!e.marked.empty()) support["marked"] = e.marked;
    const ordered_json json = {
        {"class", e.class_name}, {"support", support}, {"query", e.query_image}};
    text += (i == 0 ? "\n" : ",\n") + json_text(json);
  }
  io::write_file(path, text + "\n]\n}\n");
}

EpisodeList read_episodes(const fs::path& path) {
  const auto bytes = io::read_file(path);
  EpisodeList list;
  std::size_t number = 0;
  try {
    const auto json =
        persense::detail::parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    if (json.is_discarded()) throw Unreadable(fmt::format("{}: no JSON", path.string()));
    list.format = json.at("format").get<std::string>();
    if (json.contains("fold")) list.fold = json.at("fold").get<int>();
    list.seed = json.at("seed").get<std::uint64_t>();
    for (const auto& e : json.at("episodes")) {
      ++number;
      const auto& support = e.at("support");
      list.episodes.push_back(
          {e.at("class").get<std::string>(), support.at("image").get<std::string>(),
           support.value("marked", std::vector<std::int64_t>()), e.at("query").get<std::string>()});
    }
  } catch (const nlohmann::json::exception& e) {
    const std::string where = number == 0 ? "" : fmt::format("episode {}: ", number);
    throw Unreadable(fmt::format("{}: {}no list of episodes ({})", path.string(), where, e.what()));
  }
  if (list.episodes.empty())
    throw Unreadable(fmt::format("{}: has no episode, expected at least one", path.string()));
  return list;
}

std::vector<std::uint32_t> classes_of_fold(const AnnotationFile& file, std::optional<int> fold) {
  const AnnotatedImages annotated(file);
  std::vector<std::uint32_t> classes;  // of which the fold is a part
  for (std::uint32_t c = 0; c < file.categories().size(); ++c)
    if ((fold && !file.is_lvis()) || annotated.images(c).size() >= 2) classes.push_back(c);
  if (!fold) return classes;
  const int folds = file.is_lvis() ? lvis_folds : coco_folds;
  if (*fold < 0 || *fold >= folds)
    throw InvalidArgument(fmt::format("--fold: got {}, expected 0 to {} of {}", *fold, folds - 1,
                                      file.is_lvis() ? "LVIS-92i" : "COCO-20i"));
  if (!file.is_lvis() && classes.size() != coco_classes)
    throw InvalidArgument(fmt::format("--fold: {} has {} categories, expected COCO's {}",
                                      file.path().string(), classes.size(), coco_classes));
  const auto step = static_cast<std::size_t>(folds);
  const std::size_t count = classes.size() / step;
  std::vector<std::uint32_t> chosen;
  for (std::size_t v = 0; v < count; ++v)
    chosen.push_back(classes[static_cast<std::size_t>(*fold) + step * v]);
  std::erase_if(chosen, [&](std::uint32_t c) { return annotated.images(c).size() < 2; });
  return chosen;
}

EpisodeList draw_episodes(const AnnotationFile& file, const DatasetRequest& request) {
  const AnnotatedImages annotated(file);
  const std::vector<std::uint32_t> classes = classes_of_fold(file, request.fold);
  if (classes.empty())
    throw InvalidArgument(fmt::format(
        "{}: no class has objects in two images, expected a support and a query of each",
        file.path().string()));
  EpisodeList list{file.is_lvis() ? "lvis" : "coco", request.fold, request.seed.value_or(0), {}};
  const std::size_t count =
      request.episodes.value_or(file.is_lvis() ? lvis_episodes : coco_episodes);
  const bool all = request.extent == SupportExtent::all ||
                   (request.extent == SupportExtent::automatic && request.fold);
  const bool in_turn = file.is_lvis() || !request.fold;
  std::vector<std::vector<std::uint32_t>> images;  // by class
  for (const std::uint32_t c : classes) images.push_back(annotated.images(c));
  detail::Random random(list.seed);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t k = in_turn ? i % classes.size() : random.below(classes.size());
    const std::size_t query = random.below(images[k].size());
    std::size_t support = random.below(images[k].size() - 1);
    if (support >= query) ++support;  // another image
    auto marked = annotated.objects(annotated.annotations(classes[k], images[k][support]));
    if (!all) marked = {marked[random.below(marked.size())]};
    Episode episode{file.categories()[classes[k]].name,
                    file.images()[images[k][support]].file_name,
                    {},
                    file.images()[images[k][query]].file_name};
    for (const std::uint32_t m : marked) episode.marked.push_back(file.annotations()[m].id);
    list.episodes.push_back(std::move(episode));
  }
  return list;
}

}  // namespace persense::eval
