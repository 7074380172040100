#include "persense/eval/corrections.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <numeric>
#include <string_view>
#include <utility>

#include "formats.hpp"
#include "persense/detail/turned_hint.hpp"
#include "persense/error.hpp"
#include "persense/io/files.hpp"
#include "persense/io/images.hpp"
#include "persense/io/labelme.hpp"

namespace persense::eval {

namespace fs = std::filesystem;

namespace {

enum class Kind { labelme, coco, neither };

/// By the first key that only one of the two kinds has; what has none is neither.
Kind kind_of(const fs::path& path) {
  std::string text(1 << 16, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  const auto first_of = [&](std::initializer_list<std::string_view> keys) {
    std::size_t first = std::string::npos;
    for (const std::string_view key : keys) first = std::min(first, text.find(key));
    return first;
  };
  const auto labelme = first_of({"\"shapes\"", "\"imagePath\"", "\"imageData\""});
  const auto coco = first_of({"\"images\"", "\"annotations\"", "\"categories\""});
  if (labelme == coco) return Kind::neither;
  return labelme < coco ? Kind::labelme : Kind::coco;
}

/// The JSON files directly in a folder, by name; hidden ones are none.
std::vector<fs::path> json_files_in(const fs::path& folder) try {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".json" && !entry.path().filename().string().starts_with('.'))
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
} catch (const fs::filesystem_error& e) {
  throw Unreadable(
      fmt::format("{}: cannot list the folder: {}", folder.string(), e.code().message()));
}

bool is_blank(const std::string& label) {
  return label.find_first_not_of(" \t\r\n") == std::string::npos;
}

}  // namespace

Corrections Corrections::open(const fs::path& path, const Options& options) {
  if (!(options.max_overlap >= 0 && options.max_overlap <= 1))
    throw InvalidArgument(
        fmt::format("overlap: got {:g}, expected a part from 0 to 1", options.max_overlap));
  if (!fs::exists(path))
    throw FileNotFound(fmt::format(
        "{}: no such file or folder, expected labelme files or a COCO file", path.string()));
  Corrections all;
  all.options_ = options;
  all.find_labelme(path);
  if (all.files_.empty())
    all.open_coco(annotation_file(path));
  else if (!options.images.empty())
    throw InvalidArgument("--images: has no meaning for labelme files, which name their images");
  return all;
}

void Corrections::find_labelme(const fs::path& path) {
  const std::vector<fs::path> files =
      fs::is_directory(path) ? json_files_in(path) : std::vector<fs::path>{path};
  std::vector<Kind> kinds;
  for (const fs::path& file : files) kinds.push_back(kind_of(file));
  if (std::find(kinds.begin(), kinds.end(), Kind::labelme) == kinds.end()) return;
  for (std::size_t i = 0; i < files.size(); ++i)
    if (kinds[i] == Kind::coco)
      notes_.push_back(
          fmt::format("{}: not read, as there are labelme files; name it to read it instead",
                      files[i].string()));
    else
      files_.push_back(files[i]);  // what is damaged is told when it is read
}

void Corrections::open_coco(const fs::path& path) {
  coco_ = AnnotationFile::open(path);
  folder_ = image_folder(*coco_, options_.images);
  broken_.assign(coco_->broken().begin(), coco_->broken().end());
  const auto images = coco_->images();
  annotations_.resize(images.size());
  for (std::uint32_t i = 0; i < coco_->annotations().size(); ++i)
    annotations_[coco_->annotations()[i].image].push_back(i);
  order_.resize(images.size());
  std::iota(order_.begin(), order_.end(), 0u);
  std::stable_sort(order_.begin(), order_.end(), [&](std::uint32_t a, std::uint32_t b) {
    return images[a].file_name < images[b].file_name;
  });
}

std::string Corrections::name(std::size_t index) const {
  return files_.empty() ? coco_->images()[order_[index]].file_name
                        : files_[index].filename().string();
}

CorrectedImage Corrections::read(std::size_t index) const {
  CorrectedImage image = files_.empty() ? read_coco(order_[index]) : read_labelme(files_[index]);
  leave_overlaps(image);
  return image;
}

CorrectedImage Corrections::read_labelme(const fs::path& path) const {
  io::LabelmeObjects file = io::read_labelme_objects(path);
  CorrectedImage image;
  image.source = path.string();
  std::replace(file.image.begin(), file.image.end(), '\\', '/');  // as Windows writes it
  image.path = path.parent_path() / file.image;
  image.inside = std::move(file.image_data);
  image.size = file.size;
  image.broken = std::move(file.broken);
  for (std::size_t i = 0; i < file.masks.size(); ++i)
    image.objects.push_back({fmt::format("shape {}", file.shapes[i]), std::move(file.labels[i]),
                             std::move(file.masks[i])});
  return image;
}

CorrectedImage Corrections::read_coco(std::uint32_t index) const {
  const auto& entry = coco_->images()[index];
  CorrectedImage image;
  image.source = coco_->path().string();
  image.path = folder_ / entry.file_name;
  image.size = entry.size;
  for (const std::uint32_t i : annotations_[index]) {
    const auto& annotation = coco_->annotations()[i];
    CorrectedObject object{fmt::format("annotation {}", annotation.id),
                           coco_->categories()[annotation.category].name,
                           {}};
    std::string why;
    if (annotation.crowd)
      why = "is a crowd, expected one object";
    else if (is_blank(object.label))
      why = "has no label, expected a category with a name";
    else if (object.mask = coco_->mask(annotation); object.mask.empty())
      why = fmt::format("is empty or lies outside: it covers no pixel of the image of {}",
                        to_string(entry.size));
    if (why.empty())
      image.objects.push_back(std::move(object));
    else
      image.broken.push_back(fmt::format("{}: {} {}", image.source, object.name, why));
  }
  return image;
}

void Corrections::leave_overlaps(CorrectedImage& image) const {
  std::vector<CorrectedObject> kept;
  std::vector<std::int64_t> areas;
  for (CorrectedObject& object : image.objects) {
    const std::int64_t area = object.mask.area();
    const CorrectedObject* other = nullptr;
    double most = options_.max_overlap;
    for (std::size_t i = 0; i < kept.size(); ++i) {
      const auto shared = static_cast<double>(intersection_area(kept[i].mask, object.mask));
      const double part = shared / static_cast<double>(std::min(areas[i], area));
      if (part > most) most = part, other = &kept[i];
    }
    if (other != nullptr) {
      image.broken.push_back(fmt::format(
          "{}: {} ({}) shares {:.3g} % of the smaller one's pixels with {} ({}), expected at most "
          "{:g} %",
          image.source, object.name, object.label, 100 * most, other->name, other->label,
          100 * options_.max_overlap));
      continue;
    }
    areas.push_back(area);
    kept.push_back(std::move(object));
  }
  image.objects = std::move(kept);
}

std::vector<std::uint8_t> checked_image(const CorrectedImage& image) {
  const bool within = !image.inside.empty();
  const std::string name = within ? image.source + ": imageData" : image.path.string();
  if (!within && !fs::exists(image.path))
    throw FileNotFound(fmt::format("{}: its image {} is missing", image.source, name));
  std::vector<std::uint8_t> bytes = within ? image.inside : io::read_file(image.path);
  const Size size = io::size_of_image(bytes, name);
  if (size != image.size)
    throw InvalidArgument(fmt::format("{}: is for an image of {}, but {} is {}{}", image.source,
                                      to_string(image.size), name, to_string(size),
                                      persense::detail::turned_hint(size, image.size)));
  return bytes;
}

}  // namespace persense::eval
