#include "annotation_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "by_id.hpp"
#include "persense/error.hpp"
#include "persense/io/coco.hpp"

namespace persense::eval {

namespace {

constexpr double largest_side = 1e6;

/// "val2017/000000397133.jpg" of "http://images.cocodataset.org/val2017/000000397133.jpg".
std::string name_in_url(const std::string& url) {
  const auto last = url.rfind('/');
  if (last == std::string::npos || last == 0) return url;
  const auto before = url.rfind('/', last - 1);
  return before == std::string::npos ? url : url.substr(before + 1);
}

}  // namespace

bool AnnotationReader::null() { return true; }  // as if it were not there

bool AnnotationReader::boolean(bool value) {
  if (in_item() && field_ == Field::iscrowd) item_.crowd = value;
  return true;
}

bool AnnotationReader::number_integer(number_integer_t value) {
  number(static_cast<double>(value), value);
  return true;
}

bool AnnotationReader::number_unsigned(number_unsigned_t value) {
  std::optional<std::int64_t> whole;
  if (value <= static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max()))
    whole = static_cast<std::int64_t>(value);
  number(static_cast<double>(value), whole);
  return true;
}

bool AnnotationReader::number_float(number_float_t value, const string_t&) {
  std::optional<std::int64_t> whole;  // some writers have 17.0
  if (std::abs(value) < 9e15 && value == std::floor(value))
    whole = static_cast<std::int64_t>(value);
  number(value, whole);
  return true;
}

void AnnotationReader::number(double value, std::optional<std::int64_t> whole) {
  if (in_segmentation()) return segmentation_number(value, whole);
  if (!in_item()) return;
  switch (field_) {
    case Field::id:
      item_.id = whole;
      break;
    case Field::image_id:
      item_.image_id = whole;
      break;
    case Field::category_id:
      item_.category_id = whole;
      break;
    case Field::width:
      item_.width = value;
      break;
    case Field::height:
      item_.height = value;
      break;
    case Field::iscrowd:
      item_.crowd = value != 0;
      break;
    default:
      break;
  }
}

void AnnotationReader::segmentation_number(double value, std::optional<std::int64_t> whole) {
  ReadSegmentation& s = segmentation_;
  if (s.kind == ReadSegmentation::Kind::polygons) {
    if (depth_ == 4) return s.wrong("segmentation is a list of numbers, expected polygons");
    ++s.values;
    if (!(std::abs(value) <= largest_side))
      s.wrong(fmt::format("a polygon has the value {:g}, expected pixel coordinates", value));
    return;
  }
  if (s.kind != ReadSegmentation::Kind::runs || depth_ != 5) return;
  if (!whole || *whole < 0 || *whole > std::numeric_limits<std::uint32_t>::max())
    return s.wrong(fmt::format("run lengths have the value {:g}, expected whole numbers", value));
  if (part_ == Part::size) {
    if (s.sizes == 0) s.height = *whole;
    if (s.sizes == 1) s.width = *whole;
    ++s.sizes;
  } else if (part_ == Part::counts) {
    s.pixels = s.pixels.value_or(0) + *whole;
  }
}

bool AnnotationReader::string(string_t& value) {
  if (in_segmentation()) {
    if (depth_ != 4 || part_ != Part::counts) return true;
    try {
      std::int64_t pixels = 0;
      for (const std::uint32_t run : io::rle_from_string(value)) pixels += run;
      segmentation_.pixels = pixels;
    } catch (const InvalidArgument& e) {
      segmentation_.wrong(e.what());
    }
    return true;
  }
  if (!in_item()) return true;
  if (field_ == Field::name) item_.name = std::move(value);
  if (field_ == Field::file_name) item_.file_name = std::move(value);
  if (field_ == Field::coco_url) item_.coco_url = std::move(value);
  if (field_ == Field::frequency) item_.has_frequency = true;
  return true;
}

bool AnnotationReader::key(string_t& name) {
  if (depth_ == 1) {
    section_ = name == "images"        ? Section::images
               : name == "annotations" ? Section::annotations
               : name == "categories"  ? Section::categories
                                       : Section::other;
  } else if (depth_ == 3) {
    static const std::unordered_map<std::string, Field> fields = {
        {"id", Field::id},
        {"image_id", Field::image_id},
        {"category_id", Field::category_id},
        {"width", Field::width},
        {"height", Field::height},
        {"name", Field::name},
        {"file_name", Field::file_name},
        {"coco_url", Field::coco_url},
        {"iscrowd", Field::iscrowd},
        {"frequency", Field::frequency},
        {"segmentation", Field::segmentation}};
    const auto known = fields.find(name);
    field_ = known == fields.end() ? Field::other : known->second;
  } else if (depth_ == 4 && in_segmentation()) {
    part_ = name == "size" ? Part::size : name == "counts" ? Part::counts : Part::none;
  }
  return true;
}

bool AnnotationReader::start_object(std::size_t) {
  ++depth_;
  if (depth_ == 3) {
    item_ = {};
    segmentation_ = {};
    field_ = Field::other;
    begin_ = stream_.taken() - 1;
  } else if (depth_ == 4 && in_segmentation()) {
    segmentation_.kind = ReadSegmentation::Kind::runs;
    part_ = Part::none;
  }
  return true;
}

bool AnnotationReader::start_array(std::size_t) {
  ++depth_;
  if (depth_ == 2) {
    has_images_ |= section_ == Section::images;
    has_annotations_ |= section_ == Section::annotations;
    has_categories_ |= section_ == Section::categories;
  } else if (depth_ == 4 && in_segmentation()) {
    segmentation_.kind = ReadSegmentation::Kind::polygons;
  } else if (depth_ == 5 && in_segmentation()) {
    ++segmentation_.polygons;
    segmentation_.values = 0;
  }
  return true;
}

bool AnnotationReader::end_array() {
  if (depth_ == 5 && in_segmentation() && segmentation_.kind == ReadSegmentation::Kind::polygons &&
      (segmentation_.values < 6 || segmentation_.values % 2 != 0))
    segmentation_.wrong(fmt::format(
        "a polygon of {} values, expected x and y of at least 3 vertices", segmentation_.values));
  --depth_;
  return true;
}

bool AnnotationReader::end_object() {
  if (depth_ == 3) finish_item();
  --depth_;
  if (depth_ == 3) field_ = Field::other;
  return true;
}

bool AnnotationReader::parse_error(std::size_t position, const std::string&,
                                   const nlohmann::detail::exception& error) {
  std::string why = error.what();
  if (const auto begin = why.find("syntax error"); begin != std::string::npos)
    why = why.substr(begin);
  throw Unreadable(fmt::format("{}: no JSON at byte {}: {}", file_.path_.string(), position, why));
}

void AnnotationReader::report(const std::string& kind, std::optional<std::int64_t> id,
                              std::size_t number, const std::string& what) {
  const std::string line = id ? fmt::format("{}: {} {}: {}", file_.path_.string(), kind, *id, what)
                              : fmt::format("{}: {} without id (number {} of the file): {}",
                                            file_.path_.string(), kind, number, what);
  if (policy_ == Broken::fail) throw Unreadable(line);
  file_.broken_.push_back(line);
}

void AnnotationReader::finish_item() {
  if (section_ == Section::images) finish_image();
  if (section_ == Section::categories) finish_category();
  if (section_ == Section::annotations) finish_annotation();
}

void AnnotationReader::finish_image() {
  ++image_number_;
  if (!item_.file_name && item_.coco_url) item_.file_name = name_in_url(*item_.coco_url);
  const auto is_side = [](std::optional<double> v) {
    return v && *v >= 1 && *v <= largest_side && *v == std::floor(*v);
  };
  if (!item_.id || !item_.file_name)
    return report("image", item_.id, image_number_, "has no id or file_name, expected both");
  if (!is_side(item_.width) || !is_side(item_.height))
    return report("image", item_.id, image_number_, "has no width and height in pixels");
  file_.images_.push_back({*item_.id,
                           *item_.file_name,
                           {static_cast<int>(*item_.width), static_cast<int>(*item_.height)}});
}

void AnnotationReader::finish_category() {
  ++category_number_;
  file_.is_lvis_ |= item_.has_frequency;
  if (!item_.id || !item_.name)
    return report("category", item_.id, category_number_, "has no id or name, expected both");
  file_.categories_.push_back({*item_.id, *item_.name});
}

void AnnotationReader::finish_segmentation() {
  ReadSegmentation& s = segmentation_;
  if (s.kind == ReadSegmentation::Kind::none)
    s.wrong("has no segmentation, expected polygons or run lengths");
  if (s.kind == ReadSegmentation::Kind::polygons && s.polygons == 0)
    s.wrong("segmentation has no polygon");
  if (s.kind != ReadSegmentation::Kind::runs) return;
  if (s.sizes != 2 || !s.pixels)
    return s.wrong("run lengths without size or counts, expected both");
  const auto most = static_cast<std::int64_t>(largest_side);
  if (*s.height > most || *s.width > most || *s.pixels != *s.height * *s.width)
    s.wrong(
        fmt::format("run lengths of {} pixels, expected {} x {}", *s.pixels, *s.width, *s.height));
}

void AnnotationReader::finish_annotation() {
  ++annotation_number_;
  finish_segmentation();
  const auto length = stream_.taken() - begin_;
  if (!item_.id || !item_.image_id || !item_.category_id)
    segmentation_.problem = "has no id, image_id or category_id, expected all three";
  else if (length > std::numeric_limits<std::uint32_t>::max())
    segmentation_.wrong("is longer than 4 GB");
  if (!segmentation_.problem.empty())
    return report("annotation", item_.id, annotation_number_, segmentation_.problem);
  const auto side = [](std::optional<std::int64_t> v) {
    return static_cast<std::int32_t>(v.value_or(0));
  };
  kept_.push_back({{*item_.id, 0, 0, item_.crowd, static_cast<std::uint32_t>(length), begin_},
                   *item_.image_id,
                   *item_.category_id,
                   side(segmentation_.width),
                   side(segmentation_.height)});
}

namespace {

/// Sorts by id and drops what has an id that was there before. @return  the ids dropped.
template <class Item>
std::vector<std::int64_t> sort_by_id(std::vector<Item>& items) {
  std::stable_sort(items.begin(), items.end(),
                   [](const Item& a, const Item& b) { return a.id < b.id; });
  std::vector<std::int64_t> dropped;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (kept > 0 && items[kept - 1].id == items[i].id) {
      dropped.push_back(items[i].id);
      continue;
    }
    if (kept != i) items[kept] = std::move(items[i]);
    ++kept;
  }
  items.resize(kept);
  return dropped;
}

}  // namespace

/// Fills in where image and category are; what is wrong, else nothing.
std::string AnnotationReader::resolved(Kept& kept) const {
  const auto image = detail::index_of(file_.images_, kept.image_id);
  const auto category = detail::index_of(file_.categories_, kept.category_id);
  if (!image) return fmt::format("its image {} is not in the file", kept.image_id);
  if (!category) return fmt::format("its category {} is not in the file", kept.category_id);
  kept.annotation.image = *image;
  kept.annotation.category = *category;
  const Size size = file_.images_[*image].size;
  if (kept.width != 0 && Size{kept.width, kept.height} != size)
    return fmt::format("run lengths of {} x {}, expected {} as the image has", kept.width,
                       kept.height, to_string(size));
  return {};
}

void AnnotationReader::resolve() {
  if (!has_images_ || !has_annotations_ || !has_categories_)
    throw Unreadable(
        fmt::format("{}: not a COCO file, expected an object with the lists images, annotations "
                    "and categories",
                    file_.path_.string()));
  const char* const twice = "another one before has this id";
  for (const std::int64_t id : sort_by_id(file_.images_)) report("image", id, 0, twice);
  for (const std::int64_t id : sort_by_id(file_.categories_)) report("category", id, 0, twice);
  file_.annotations_.reserve(kept_.size());
  for (Kept& kept : kept_) {
    const std::string problem = resolved(kept);
    if (problem.empty())
      file_.annotations_.push_back(kept.annotation);
    else
      report("annotation", kept.annotation.id, 0, problem);
  }
  for (const std::int64_t id : sort_by_id(file_.annotations_)) report("annotation", id, 0, twice);
}

}  // namespace persense::eval
