#include "persense/io/coco.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
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

/// Collects runs of ones given by their positions in the column-major image.
class RunCollector {
 public:
  void add(std::int64_t begin, std::int64_t end) {
    if (begin == end_ && !counts_.empty()) {
      counts_.back() += static_cast<std::uint32_t>(end - begin);
    } else {
      counts_.push_back(static_cast<std::uint32_t>(begin - end_));
      counts_.push_back(static_cast<std::uint32_t>(end - begin));
    }
    end_ = end;
  }
  std::vector<std::uint32_t> finish(std::int64_t pixels) {
    if (end_ < pixels) counts_.push_back(static_cast<std::uint32_t>(pixels - end_));
    return std::move(counts_);
  }

 private:
  std::vector<std::uint32_t> counts_;
  std::int64_t end_ = 0;
};

std::string text_of(const json& value) {
  // a file name need not be UTF-8, JSON must
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// The notes as a member of an object, with its comma; nothing without notes.
std::string notes_member(const std::vector<std::string>& notes) {
  std::string list;
  for (const std::string& note : notes) {
    if (!list.empty()) list += ',';
    list += text_of(note);
  }
  return list.empty() ? "" : fmt::format(R"("notes":[{}],)", list);
}

/// What `info` says of stages and options, each with a comma before it.
std::string info_members(const CocoHeader& header) {
  std::string members;
  if (!header.stages.empty()) members += R"(,"stages":)" + text_of(header.stages);
  if (!header.options) return members;
  std::string options;
  for_each_option(*header.options, [&](const char* key, const auto& field, auto&&...) {
    const std::string value = text_of(option_text(field));
    options += fmt::format(R"({}"{}":{})", options.empty() ? "" : ",", key, value);
  });
  return members + R"(,"options":{)" + options + "}";
}

/// A mask's outer borders as COCO has polygons: corners of pixels, one list per part.
std::string polygons_of(const Mask& mask) {
  const cv::Mat bits(mask.box.height(), mask.box.width(), CV_8UC1,
                     const_cast<std::uint8_t*>(mask.bits.data()));
  std::string all;
  for (const detail::Ring& ring : detail::outlines(MaskView(bits))) {
    std::int64_t twice_area = 0;  // above 0 clockwise: outer borders
    std::string corners;
    for (std::size_t i = 0; i < ring.size(); ++i) {
      const Point a = ring[i], b = ring[(i + 1) % ring.size()];
      twice_area += std::int64_t{a.x} * b.y - std::int64_t{b.x} * a.y;
      corners += fmt::format("{}{},{}", i == 0 ? "" : ",", mask.box.x0 + a.x, mask.box.y0 + a.y);
    }
    if (twice_area > 0) all += fmt::format("{}[{}]", all.empty() ? "" : ",", corners);
  }
  return "[" + all + "]";
}

std::string run_lengths_of(const Mask& mask, Size size) {
  return fmt::format(R"({{"counts":{},"size":[{},{}]}})",
                     text_of(rle_to_string(rle_counts(mask, size))), size.height, size.width);
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

std::vector<std::uint32_t> rle_counts(const Mask& mask, Size size) {
  if (size.pixels() > std::numeric_limits<std::uint32_t>::max())
    throw InvalidArgument(
        fmt::format("run-length encoding: image of {} x {}, expected at most 2^32 - 1 pixels",
                    size.width, size.height));
  RunCollector runs;
  const PixelBox box = intersection(mask.box, {0, 0, size.width, size.height});
  const auto stride = mask.box.width();
  for (int x = box.x0; x < box.x1; ++x) {
    const std::uint8_t* bits = mask.row(box.y0) + (x - mask.box.x0);
    const std::int64_t column = std::int64_t{x} * size.height + box.y0;
    const int rows = box.height();
    for (int y = 0; y < rows;) {
      while (y < rows && bits[std::ptrdiff_t{y} * stride] == 0) ++y;
      const int begin = y;
      while (y < rows && bits[std::ptrdiff_t{y} * stride] != 0) ++y;
      if (begin < y) runs.add(column + begin, column + y);
    }
  }
  return runs.finish(size.pixels());
}

std::string rle_to_string(const std::vector<std::uint32_t>& counts) {
  std::string text;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    // from the fourth on, the difference to the run of the same colour before
    std::int64_t value = counts[i];
    if (i > 2) value -= counts[i - 2];
    for (bool more = true; more;) {
      auto group = static_cast<int>(value & 0x1f);
      value >>= 5;
      more = (group & 0x10) != 0 ? value != -1 : value != 0;
      if (more) group |= 0x20;
      text.push_back(static_cast<char>(group + 48));
    }
  }
  return text;
}

struct CocoWriter::State {
  AtomicFile file;
  std::vector<std::string> categories;
  CocoMasks masks = CocoMasks::rle;
  std::string images;
  std::unordered_set<std::string> names;
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
    : state_(
          new State{AtomicFile(path), class_names(header.categories), header.masks, {}, {}, 0, 0}) {
  state_->file.write(
      fmt::format(R"({{"info":{{"description":"Instances found by persense","version":"{}"{}}},)"
                  "\n\"licenses\":[],\n\"annotations\":[",
                  PERSENSE_VERSION, info_members(header)));
}

CocoWriter::~CocoWriter() = default;
CocoWriter::CocoWriter(CocoWriter&&) noexcept = default;

// Objects are written as text, not made of json: its objects and arrays allocate when they are
// destroyed, which ends the program where memory has run out.
void CocoWriter::add(const std::string& file_name, const Result& result) {
  const Size size = result.image_size;
  for (const Instance& instance : result.instances)
    if (instance.class_index >= state_->categories.size())
      throw InvalidArgument(fmt::format(
          "COCO file: an instance of class {}, expected one of {} {}", instance.class_index + 1,
          state_->categories.size(), state_->categories.size() == 1 ? "category" : "categories"));
  state_->begin_image(
      file_name,
      fmt::format(R"({{"file_name":{},"height":{},"id":{},{}"width":{}}})", text_of(file_name),
                  size.height, state_->next_image(), notes_member(result.notes), size.width));
  for (const Instance& instance : result.instances) {
    const PixelBox& box = instance.mask.box;
    state_->write(fmt::format(
        R"({{"area":{},"bbox":[{},{},{},{}],"category_id":{},"id":{},"image_id":{},"iscrowd":0,)"
        R"("point":[{},{}],"score":{},"segmentation":{},)"
        R"("touches_border":{}}})",
        instance.mask.area(), box.x0, box.y0, box.width(), box.height(), instance.class_index + 1,
        state_->next_annotation(), state_->image_count, instance.point.x, instance.point.y,
        text_of(std::round(double{instance.score} * 1e4) / 1e4),
        state_->masks == CocoMasks::rle ? run_lengths_of(instance.mask, size)
                                        : polygons_of(instance.mask),
        instance.touches_border));
  }
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
    state_->begin_image(image["file_name"], text_of(image));
  }
  for (json a : annotations) {
    a["id"] = state_->next_annotation();
    a["image_id"] = new_id.at(id_of(a, "image_id"));
    const auto category = categories.find(category_of(a));
    a["category_id"] = category == categories.end() ? 1 : category->second;
    state_->write(text_of(a));
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
  std::string categories;
  for (std::size_t k = 0; k < state_->categories.size(); ++k)
    categories += fmt::format(R"({}{{"id":{},"name":{},"supercategory":""}})", k == 0 ? "" : ",",
                              k + 1, text_of(state_->categories[k]));
  state_->file.write("\n],\n\"categories\":[" + categories + "],\n\"images\":[" + state_->images +
                     "\n]}\n");
  state_->file.commit();
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
