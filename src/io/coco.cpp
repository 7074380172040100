#include "persense/io/coco.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "json.hpp"
#include "outlines.hpp"
#include "persense/error.hpp"
#include "persense/io/class_names.hpp"
#include "persense/io/files.hpp"
#include "persense/option_table.hpp"
#include "persense/version.hpp"

namespace persense::io {

namespace {

using nlohmann::json;

using persense::detail::json_text;

/// The notes as a member of an object, with its comma; nothing without notes.
std::string notes_member(const std::vector<std::string>& notes) {
  std::string list;
  for (const std::string& note : notes) {
    if (!list.empty()) list += ',';
    list += json_text(note);
  }
  return list.empty() ? "" : fmt::format(R"("notes":[{}],)", list);
}

/// What `info` says of stages and options, each with a comma before it.
std::string info_members(const CocoHeader& header) {
  std::string members;
  if (!header.stages.empty()) members += R"(,"stages":)" + json_text(json(header.stages));
  if (!header.options) return members;
  std::string options;
  for_each_option(*header.options, [&](const char* key, const auto& field, auto&&...) {
    const std::string value = json_text(option_text(field));
    options += fmt::format(R"({}"{}":{})", options.empty() ? "" : ",", key, value);
  });
  return members + R"(,"options":{)" + options + "}";
}

/// A mask's polygons as COCO has them: one list of numbers for each.
std::string polygons_text(const Mask& mask, double tolerance) {
  std::string all;
  for (const detail::Ring& polygon : detail::polygons_of(mask, tolerance)) {
    std::string corners;
    for (const Point p : polygon)
      corners += fmt::format("{}{},{}", corners.empty() ? "" : ",", p.x, p.y);
    all += fmt::format("{}[{}]", all.empty() ? "" : ",", corners);
  }
  return "[" + all + "]";
}

std::string run_lengths_of(const Mask& mask, Size size) {
  return fmt::format(R"({{"counts":{},"size":[{},{}]}})",
                     json_text(rle_to_string(rle_counts(mask, size))), size.height, size.width);
}

/// What comes before the annotations.
std::string beginning_of(const CocoHeader& header) {
  return fmt::format(R"({{"info":{{"description":"Instances found by persense","version":"{}"{}}},)"
                     "\n\"licenses\":[],\n\"annotations\":[",
                     PERSENSE_VERSION, info_members(header));
}

/// What comes after them. @param images  their JSON objects.
std::string end_of(const std::vector<std::string>& categories, const std::vector<std::int64_t>& ids,
                   const std::string& images) {
  std::string list;
  for (std::size_t k = 0; k < categories.size(); ++k)
    list += fmt::format(R"({}{{"id":{},"name":{},"supercategory":""}})", k == 0 ? "" : ",", ids[k],
                        json_text(categories[k]));
  return "\n],\n\"categories\":[" + list + "],\n\"images\":[" + images + "\n]}\n";
}

std::string image_text(const std::string& file_name, const Result& result, std::int64_t id) {
  return fmt::format(R"({{"file_name":{},"height":{},"id":{},{}"width":{}}})", json_text(file_name),
                     result.image_size.height, id, notes_member(result.notes),
                     result.image_size.width);
}

/// Ids of an annotation.
struct AnnotationIds {
  std::int64_t own = 1, image = 1, category = 1;
};

// Written as text, not made of json: its objects and arrays allocate when they are destroyed, which
// ends the program where memory has run out.
std::string annotation_text(const Instance& instance, Size size, const AnnotationIds& ids,
                            CocoMasks masks, double tolerance) {
  const PixelBox& box = instance.mask.box;
  return fmt::format(
      R"({{"area":{},"bbox":[{},{},{},{}],"category_id":{},"id":{},"image_id":{},"iscrowd":0,)"
      R"("point":[{},{}],"score":{},"segmentation":{},)"
      R"("touches_border":{}}})",
      instance.mask.area(), box.x0, box.y0, box.width(), box.height(), ids.category, ids.own,
      ids.image, instance.point.x, instance.point.y,
      json_text(std::round(double{instance.score} * 1e4) / 1e4),
      masks == CocoMasks::rle ? run_lengths_of(instance.mask, size)
                              : polygons_text(instance.mask, tolerance),
      instance.touches_border);
}

/// @throws InvalidArgument  an instance of a class without a category.
void require_categories(const Result& result, std::size_t count) {
  for (const Instance& instance : result.instances)
    if (instance.class_index >= count)
      throw InvalidArgument(fmt::format("COCO file: an instance of class {}, expected one of {} {}",
                                        instance.class_index + 1, count,
                                        count == 1 ? "category" : "categories"));
}

std::vector<std::int64_t> counted_from_1(std::size_t count) {
  std::vector<std::int64_t> ids(count);
  std::iota(ids.begin(), ids.end(), std::int64_t{1});
  return ids;
}

/// @throws InvalidArgument  it is no whole number.
std::int64_t id_of(const json& object, const char* key) {
  constexpr auto limits = std::numeric_limits<std::int64_t>();
  const auto id = persense::detail::whole_number(object.at(key), limits.min(), limits.max());
  if (!id) throw InvalidArgument(fmt::format("{} is not a whole number", key));
  return *id;
}

/// Of an annotation; the first one where it has none.
std::int64_t category_of(const json& annotation) {
  return annotation.contains("category_id") ? id_of(annotation, "category_id") : 1;
}

/// The id in this file of each category of another file.
using CategoryIds = std::unordered_map<std::int64_t, std::size_t>;

}  // namespace

struct CocoWriter::State {
  AtomicFile file;
  std::vector<std::string> categories;
  CocoMasks masks = CocoMasks::rle;
  double tolerance = 0;
  std::string images = {};
  std::unordered_set<std::string> names = {};
  std::int64_t image_count = 0;
  std::int64_t annotation_count = 0;

  std::int64_t next_image() const { return image_count + 1; }
  std::int64_t next_annotation() const { return annotation_count + 1; }

  /// The id of a category, which is added where it is new.
  std::size_t category(const std::string& name) {
    const auto found = std::find(categories.begin(), categories.end(), name);
    const auto index = static_cast<std::size_t>(found - categories.begin());
    if (found == categories.end()) categories.push_back(name);
    return index + 1;
  }

  CategoryIds categories_of(const json& coco) {
    CategoryIds ids;
    const auto listed = coco.find("categories");
    if (listed == coco.end()) return ids;
    for (const json& c : *listed) ids[id_of(c, "id")] = category(c.at("name").get<std::string>());
    return ids;
  }

  /// `image`: JSON with the id next_image(). The annotations that follow belong to it.
  void begin_image(const std::string& file_name, const std::string& image) {
    names.insert(file_name);
    images += (++image_count == 1 ? "\n" : ",\n") + image;
  }
  /// `annotation`: JSON with the id next_annotation().
  void write(const std::string& annotation) {
    file.write((++annotation_count == 1 ? "\n" : ",\n") + annotation);
  }
};

CocoWriter::CocoWriter(const std::filesystem::path& path, const std::string& category)
    : CocoWriter(path, CocoHeader{{category}, {}, {}, CocoMasks::rle}) {}

CocoWriter::CocoWriter(const std::filesystem::path& path, const CocoHeader& header)
    : state_(new State{AtomicFile(path), class_names(header.categories), header.masks,
                       header.tolerance}) {
  state_->file.write(beginning_of(header));
}

CocoWriter::~CocoWriter() = default;
CocoWriter::CocoWriter(CocoWriter&&) noexcept = default;

void CocoWriter::add(const std::string& file_name, const Result& result) {
  require_categories(result, state_->categories.size());
  state_->begin_image(file_name, image_text(file_name, result, state_->next_image()));
  for (const Instance& instance : result.instances)
    state_->write(annotation_text(instance, result.image_size,
                                  {state_->next_annotation(), state_->image_count,
                                   static_cast<std::int64_t>(instance.class_index) + 1},
                                  state_->masks, state_->tolerance));
}

void CocoWriter::append(const std::filesystem::path& coco_file) try {
  const auto bytes = read_file(coco_file);
  const json coco =
      persense::detail::parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (coco.is_discarded()) throw InvalidArgument("not JSON");
  // everything is looked at before anything is written: a damaged file must not be half taken over
  const auto images = coco.at("images").get<std::vector<json>>();
  const auto annotations = coco.at("annotations").get<std::vector<json>>();
  std::unordered_map<std::int64_t, std::int64_t> new_id;
  for (const json& image : images) {
    (void)image.at("file_name").get_ref<const std::string&>();
    const auto id = static_cast<std::int64_t>(new_id.size()) + state_->image_count + 1;
    if (!new_id.emplace(id_of(image, "id"), id).second)
      throw InvalidArgument(fmt::format("two images have the id {}", id_of(image, "id")));
  }
  for (const json& a : annotations) {
    (void)category_of(a);
    if (!new_id.contains(id_of(a, "image_id")))
      throw Unreadable(fmt::format("{}: an annotation belongs to image {}, which is not listed",
                                   coco_file.string(), id_of(a, "image_id")));
  }
  const CategoryIds categories = state_->categories_of(coco);
  for (json image : images) {
    image["id"] = state_->next_image();
    state_->begin_image(image["file_name"], json_text(image));
  }
  for (json a : annotations) {
    a["id"] = state_->next_annotation();
    a["image_id"] = new_id.at(id_of(a, "image_id"));
    const auto category = categories.find(category_of(a));
    a["category_id"] = category == categories.end() ? 1 : category->second;
    state_->write(json_text(a));
  }
} catch (const json::exception& e) {
  throw Unreadable(fmt::format("{}: not a COCO file ({})", coco_file.string(), e.what()));
} catch (const InvalidArgument& e) {
  throw Unreadable(fmt::format("{}: not a COCO file ({})", coco_file.string(), e.what()));
}

bool CocoWriter::contains(const std::string& file_name) const {
  return state_->names.contains(file_name);
}

void CocoWriter::close() {
  const auto& categories = state_->categories;
  state_->file.write(end_of(categories, counted_from_1(categories.size()), state_->images));
  state_->file.commit();
}

std::string to_coco(const std::string& file_name, const Result& result, const CocoHeader& header,
                    const CocoIds& ids) {
  const auto names = class_names(header.categories);
  const auto categories = ids.categories.empty() ? counted_from_1(names.size()) : ids.categories;
  require_categories(result, names.size());
  if (categories.size() != names.size())
    throw InvalidArgument(fmt::format("COCO file: {} ids of categories, expected {}",
                                      categories.size(), names.size()));
  std::string text = beginning_of(header);
  std::int64_t id = ids.annotation;
  for (const Instance& instance : result.instances) {
    text += id == ids.annotation ? "\n" : ",\n";
    text += annotation_text(instance, result.image_size,
                            {id, ids.image, categories[instance.class_index]}, header.masks,
                            header.tolerance);
    ++id;
  }
  std::string image = "\n";
  image.append(image_text(file_name, result, ids.image));
  return text.append(end_of(names, categories, image));
}

void write_coco(const std::filesystem::path& path, const std::string& file_name,
                const Result& result, const std::string& category) {
  CocoHeader header{{category}, {}, {}, CocoMasks::rle};
  if (result.classes.size() > 1) header.categories = class_names(result);
  CocoWriter writer(path, header);
  writer.add(file_name, result);
  writer.close();
}

}  // namespace persense::io
