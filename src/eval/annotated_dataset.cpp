// Data sets of COCO and LVIS files.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "annotated_images.hpp"
#include "by_id.hpp"
#include "formats.hpp"
#include "persense/error.hpp"
#include "random.hpp"

namespace persense::eval {

namespace fs = std::filesystem;

namespace {

class Builder {
 public:
  Builder(std::shared_ptr<const AnnotationFile> file, const DatasetRequest& request)
      : file_(std::move(file)),
        request_(request),
        folder_(image_folder(*file_, request.images)),
        annotated_(*file_) {}

  /// Each class has one support and its other images as queries.
  Dataset whole();
  /// Every query has a support of its own.
  Dataset of(const EpisodeList& list);

 private:
  using Index = std::uint32_t;
  fs::path path_of(Index image) const { return folder_ / file_->images()[image].file_name; }
  DatasetSupport support(Index image, std::vector<Index> marked) const {
    DatasetSupport support;
    support.image = path_of(image);
    support.annotated = {file_, std::move(marked)};
    return support;
  }
  DatasetQuery query(Index category, Index image) const {
    DatasetQuery query{fs::path(file_->images()[image].file_name).stem().string(), path_of(image)};
    query.annotated = {file_, annotated_.annotations(category, image)};
    return query;
  }
  std::vector<Index> marked_of(Index category, Index image, detail::Random& random) const;
  std::vector<Index> without(Index category, detail::Random& random) const;
  Dataset empty() const {
    Dataset dataset;
    dataset.format = file_->is_lvis() ? "lvis" : "coco";
    dataset.broken.assign(file_->broken().begin(), file_->broken().end());
    return dataset;
  }

  std::shared_ptr<const AnnotationFile> file_;
  const DatasetRequest& request_;
  fs::path folder_;
  AnnotatedImages annotated_;
};

std::vector<std::uint32_t> Builder::marked_of(Index category, Index image,
                                              detail::Random& random) const {
  const auto objects = annotated_.objects(annotated_.annotations(category, image));
  if (request_.extent == SupportExtent::all) return objects;
  return {objects[random.below(objects.size())]};
}

std::vector<std::uint32_t> Builder::without(Index category, detail::Random& random) const {
  std::vector<Index> images;
  for (Index i = 0; request_.absent > 0 && i < file_->images().size(); ++i)
    if (annotated_.annotations(category, i).empty()) images.push_back(i);
  random.shuffle(images);
  images.resize(std::min(images.size(), request_.absent));
  return images;
}

std::uint32_t require_annotation(const AnnotationFile& file, std::int64_t id,
                                 const std::string& what) {
  if (const auto at = detail::index_of(file.annotations(), id)) return *at;
  throw InvalidArgument(fmt::format("{}: the data set has no annotation {}", what, id));
}

Dataset Builder::whole() {
  Dataset dataset = empty();
  std::vector<Index> classes = classes_of_fold(*file_, std::nullopt);
  std::optional<Index> given;
  if (request_.support) {
    given = require_annotation(*file_, *request_.support, "--support-annotation");
    const auto& annotation = file_->annotations()[*given];
    if (annotation.crowd)
      throw InvalidArgument(fmt::format(
          "--support-annotation: annotation {} is a crowd, expected an object", *request_.support));
    classes = {annotation.category};
  }
  detail::Random random(request_.seed.value_or(0));
  for (const Index c : classes) {
    const std::vector<Index> images = annotated_.images(c);
    DatasetClass result;
    result.name = file_->categories()[c].name;
    const Index shown =
        given ? file_->annotations()[*given].image : images[random.below(images.size())];
    result.supports.push_back(
        support(shown, given ? std::vector<Index>{*given} : marked_of(c, shown, random)));
    for (const Index image : images)
      if (image != shown) result.queries.push_back(query(c, image));
    for (const Index image : without(c, random)) result.queries.push_back(query(c, image));
    if (!result.queries.empty()) dataset.classes.push_back(std::move(result));
  }
  if (dataset.classes.empty())
    throw InvalidArgument(fmt::format(
        "{}: no class has objects in two images, expected a support and a query of each",
        file_->path().string()));
  return dataset;
}

Dataset Builder::of(const EpisodeList& list) {
  std::unordered_map<std::string, Index> images, categories;
  for (Index i = 0; i < file_->images().size(); ++i) images[file_->images()[i].file_name] = i;
  for (Index i = 0; i < file_->categories().size(); ++i)
    categories[file_->categories()[i].name] = i;
  const auto find = [&](const auto& known, const std::string& name, const char* what) {
    const auto at = known.find(name);
    if (at == known.end())
      throw InvalidArgument(fmt::format("--episode-list: {}: {} has no {} \"{}\"",
                                        request_.episode_list.string(), file_->path().string(),
                                        what, name));
    return at->second;
  };
  std::map<Index, DatasetClass> classes;
  for (const Episode& e : list.episodes) {
    const Index c = find(categories, e.class_name, "category");
    DatasetClass& target = classes[c];
    target.name = e.class_name;
    std::vector<Index> marked;
    for (const std::int64_t id : e.marked)
      marked.push_back(require_annotation(
          *file_, id, fmt::format("--episode-list: {}", request_.episode_list.string())));
    DatasetQuery q = query(c, find(images, e.query_image, "image"));
    q.support = target.supports.size();
    target.supports.push_back(support(find(images, e.support_image, "image"), std::move(marked)));
    target.queries.push_back(std::move(q));
  }
  Dataset dataset = empty();
  for (auto& [index, c] : classes) dataset.classes.push_back(std::move(c));
  return dataset;
}

}  // namespace

fs::path image_folder(const AnnotationFile& file, const fs::path& named) {
  if (file.images().empty())
    throw Unreadable(fmt::format("{}: has no image, expected some", file.path().string()));
  const fs::path here = file.path().parent_path(), above = here / "..";
  const std::string stem = file.path().stem().string();  // instances_val2017
  const auto underscore = stem.rfind('_');
  const std::string split = underscore == std::string::npos ? stem : stem.substr(underscore + 1);
  std::vector<fs::path> folders = {here,          here / "images",  here / split,
                                   above / split, above / "images", above / "images" / split,
                                   above};
  if (!named.empty()) folders = {named};
  for (const auto& image : file.images())
    for (const fs::path& folder : folders)
      if (fs::exists(folder / image.file_name)) return folder;
  const std::string& first = file.images().front().file_name;
  if (!named.empty())
    throw FileNotFound(fmt::format("{}: no such file, expected the images of {} below --images",
                                   (named / first).string(), file.path().string()));
  throw FileNotFound(fmt::format("{}: its image {} is not beside it; name the folder with --images",
                                 file.path().string(), first));
}

Dataset open_annotated(const fs::path& path, const DatasetRequest& request) {
  auto file = AnnotationFile::open(path, request.broken);
  if (request.format == Format::lvis && !file->is_lvis())
    throw Unreadable(
        fmt::format("{}: no LVIS file, expected categories with frequency", path.string()));
  Builder builder(file, request);
  if (!request.fold && !request.episodes && request.episode_list.empty()) return builder.whole();
  if (request.absent > 0)
    throw InvalidArgument("--absent: has no meaning for episodes, whose queries have the class");
  if (request.support)
    throw InvalidArgument(
        "--support-annotation: has no meaning for episodes, which have a support each");
  return builder.of(episodes_of(request, file->is_lvis() ? "lvis" : "coco",
                                [&] { return draw_episodes(*file, request); }));
}

}  // namespace persense::eval
