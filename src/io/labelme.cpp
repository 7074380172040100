#include "persense/io/labelme.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <numbers>
#include <optional>
#include <span>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "base64.hpp"
#include "image_bytes.hpp"
#include "json.hpp"
#include "persense/detail/marks.hpp"
#include "persense/detail/support_mask.hpp"
#include "persense/error.hpp"
#include "persense/failure.hpp"
#include "persense/io/files.hpp"
#include "persense/io/images.hpp"

namespace persense::io {

namespace {

using nlohmann::json;
using Shape = std::variant<Mask, Box, Point, Polygon>;  // a mask is cropped to its box

/// What is farther away is in no image.
constexpr float farthest = 1e6f;
bool is_near(const Vertex& v) { return std::abs(v.x) < farthest && std::abs(v.y) < farthest; }

/// A member of the document or of a shape. @throws InvalidArgument  there is none.
const json& member(const json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  if (found == object.end()) throw InvalidArgument(fmt::format("has no {}", name));
  return *found;
}

/// The image's width or height. @throws InvalidArgument  it is none that an image has.
int side_of(const json& document, const char* key) {
  constexpr int longest = 1 << 20;  // as images are read
  const auto side = persense::detail::whole_number(member(document, key), 1, longest);
  if (!side) throw InvalidArgument(fmt::format("{} is not a number from 1 to {}", key, longest));
  return static_cast<int>(*side);
}

/// The points of a shape. @throws InvalidArgument  another number of them than `least` to `most`.
std::vector<Vertex> points_of(const json& shape, std::size_t least, std::size_t most) {
  const json& list = member(shape, "points");
  if (!list.is_array() || list.size() < least || list.size() > most)
    throw InvalidArgument(fmt::format("has {} points, expected {}{}",
                                      list.is_array() ? list.size() : 0, least,
                                      least == most ? "" : " or more"));
  std::vector<Vertex> points;
  for (const json& point : list) {
    if (!point.is_array() || point.size() != 2 || !point[0].is_number() || !point[1].is_number())
      throw InvalidArgument("has a point that is not a pair of numbers");
    points.push_back({point[0].get<float>(), point[1].get<float>()});
  }
  return points;
}

Polygon circle(const Vertex& center, const Vertex& edge) {
  constexpr int count = 256;
  const float radius = std::hypot(edge.x - center.x, edge.y - center.y);
  Polygon polygon;
  for (int i = 0; i < count; ++i) {
    const float angle = 2 * std::numbers::pi_v<float> * static_cast<float>(i) / count;
    polygon.vertices.push_back(
        {center.x + radius * std::cos(angle), center.y + radius * std::sin(angle)});
  }
  return polygon;
}

/// The box of some points, of which there is one at least.
Box around(std::span<const Vertex> points) {
  Box box{points[0].x, points[0].y, points[0].x, points[0].y};
  for (const Vertex& v : points)
    box = {std::min(box.x0, v.x), std::min(box.y0, v.y), std::max(box.x1, v.x),
           std::max(box.y1, v.y)};
  return box;
}

/// The pixels of a polygon; only its box is looked at.
Mask filled(const Polygon& polygon, Size size) {
  persense::detail::check_vertices(polygon, "has a polygon");
  const Box reach = around(polygon.vertices);
  const auto pixel = [](float v) { return static_cast<int>(std::floor(v)); };
  const PixelBox box =
      intersection({pixel(reach.x0), pixel(reach.y0), pixel(reach.x1) + 1, pixel(reach.y1) + 1},
                   {0, 0, size.width, size.height});
  if (box.empty()) return {};
  Polygon within = polygon;
  for (Vertex& v : within.vertices)
    v = {v.x - static_cast<float>(box.x0), v.y - static_cast<float>(box.y0)};
  const cv::Mat bits = persense::detail::filled(within, {box.width(), box.height()});
  return crop_to_box(MaskView(bits), {box.x0, box.y0});
}

/// The grey pixels of a PNG; none where it is no PNG, or damaged.
cv::Mat decoded_png(const std::vector<std::uint8_t>& bytes) try {
  return decode_png(bytes);
} catch (const Unreadable&) {
  return {};
}

/// A mask shape: a PNG of its box in base64, at its first point.
Mask mask_shape(const json& shape, Size size) {
  const auto corners = points_of(shape, 2, 2);
  const json& text = member(shape, "mask");
  const auto png =
      text.is_string() ? detail::from_base64(text.get_ref<const std::string&>()) : std::nullopt;
  const cv::Mat bits = png ? decoded_png(*png) : cv::Mat();
  if (bits.empty()) throw InvalidArgument("has a mask that is no PNG in base64");
  if (!is_near(corners[0])) return {};
  const int x0 = cvRound(corners[0].x), y0 = cvRound(corners[0].y);
  const cv::Rect frame(0, 0, size.width, size.height), box(x0, y0, bits.cols, bits.rows);
  const cv::Rect inside = frame & box;
  if (inside.empty()) return {};
  return crop_to_box(MaskView(cv::Mat(bits(inside - box.tl()) != 0)), {inside.x, inside.y});
}

/// A rectangle's corners: two that are opposite, or all four, as newer versions have them.
Box box_of(const json& shape) { return around(points_of(shape, 2, 4)); }

/// @param points_too  whether a shape may be a point.
Shape shape_of(const json& shape, Size size, bool points_too) {
  const std::string type = shape.value("shape_type", "polygon");
  if (type == "polygon") return Polygon{points_of(shape, 3, 1u << 20)};
  if (type == "rectangle") return box_of(shape);
  if (type == "circle") {
    const auto p = points_of(shape, 2, 2);
    return circle(p[0], p[1]);
  }
  if (type == "point" && points_too) {
    const auto p = points_of(shape, 1, 1);
    if (!is_near(p[0])) throw InvalidArgument("has a point far outside of the image");
    return Point{static_cast<int>(std::floor(p[0].x)), static_cast<int>(std::floor(p[0].y))};
  }
  if (type == "mask") return mask_shape(shape, size);
  throw InvalidArgument(fmt::format("is a {}, expected a polygon, rectangle, circle{} or mask",
                                    type, points_too ? ", point" : ""));
}

/// Class and sign of a shape's name.
std::pair<std::string, bool> class_of(std::string_view name) {
  const auto trimmed = [](std::string_view text) {
    constexpr const char* blanks = " \t\r\n";
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    return text.substr(0, text.find_last_not_of(blanks) + 1);
  };
  name = trimmed(name);
  if (name == "not") return {"", true};
  for (const std::string_view prefix : {"not ", "-"})
    if (name.starts_with(prefix)) return {std::string(trimmed(name.substr(prefix.size()))), true};
  return {std::string(name), false};
}

/// The whole file but its shapes, which come one by one.
struct Document {
  Size size;
  std::string image_path;
  std::string image_data;  // base64; may be empty
};

/// imagePath as a path of this system: labelme on Windows writes backslashes.
std::filesystem::path image_file(const std::filesystem::path& path, std::string image_path) {
  std::replace(image_path.begin(), image_path.end(), '\\', '/');
  return path.parent_path() / image_path;
}

/// The bytes of imageData. @throws Unreadable  they are no base64.
std::vector<std::uint8_t> image_inside(const std::filesystem::path& path,
                                       const Document& document) {
  auto bytes = detail::from_base64(document.image_data);
  if (!bytes || bytes->empty())
    throw Unreadable(path.string() + ": imageData: not base64, expected an image in it");
  return std::move(*bytes);
}

Document document_of(const json& content) {
  Document document;
  document.size = {side_of(content, "imageWidth"), side_of(content, "imageHeight")};
  document.image_path = member(content, "imagePath").get<std::string>();
  if (const auto data = content.find("imageData"); data != content.end() && data->is_string())
    document.image_data = data->get<std::string>();
  return document;
}

/// Reads a file: `shape(document, json, number)` is called for each of its shapes, from 1.
/// @param broken  gets a line for each shape that is refused; null: the first one ends the reading.
/// @throws FileNotFound. @throws Unreadable  with the names of the file and of the shape in it.
template <class OnShape>
Document read(const std::filesystem::path& path, OnShape&& shape,
              std::vector<std::string>* broken = nullptr) {
  const auto bytes = read_file(path);
  const json content =
      persense::detail::parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  const auto refuse = [&](const std::string& why) {
    return Unreadable(one_line(fmt::format("{}: {}", path.string(), why)));
  };
  if (content.is_discarded()) throw refuse("not JSON, expected a labelme file");
  Document document;
  try {
    document = document_of(content);
    member(content, "shapes").get_ref<const json::array_t&>();
  } catch (const InvalidArgument& e) {
    const std::string_view why = e.what();
    throw refuse(
        fmt::format("not a labelme file ({}{})", why.starts_with("has ") ? "it " : "", why));
  } catch (const json::exception& e) {
    throw refuse(fmt::format("not a labelme file ({})", e.what()));
  }
  if (document.size.pixels() > 1 << 30)
    throw refuse(
        fmt::format("image of {}, expected at most 2^30 pixels", to_string(document.size)));
  std::size_t number = 0;
  for (const json& each : content["shapes"]) {
    ++number;
    std::string why;
    try {
      shape(document, each, number);
      continue;
    } catch (const InvalidArgument& e) {
      why = fmt::format("shape {} {}", number, e.what());
    } catch (const json::exception& e) {
      why = fmt::format("shape {}: {}", number, e.what());
    }
    if (broken == nullptr) throw refuse(why);
    broken->push_back(refuse(why).what());
  }
  return document;
}

/// Which object each shape belongs to: those of one name and group_id to one.
class Objects {
 public:
  /// The object's index, and whether it is new.
  std::pair<std::size_t, bool> at(const json& shape, const std::string& name) {
    const auto group = shape.find("group_id");
    if (group == shape.end() || group->is_null()) return {count_++, true};
    if (group->is_structured()) throw InvalidArgument("has a group_id that is no number");
    const auto [known, is_new] = groups_.emplace(std::pair(name, group->dump()), count_);
    if (is_new) ++count_;
    return {known->second, is_new};
  }

 private:
  std::size_t count_ = 0;
  std::map<std::pair<std::string, std::string>, std::size_t> groups_;
};

/// A shape's pixels.
Mask pixels_of(const Shape& shape, Size size) {
  if (const auto* mask = std::get_if<Mask>(&shape)) return *mask;
  if (const auto* polygon = std::get_if<Polygon>(&shape)) return filled(*polygon, size);
  const Box box = std::get<Box>(shape);
  return filled({{{box.x0, box.y0}, {box.x1, box.y0}, {box.x1, box.y1}, {box.x0, box.y1}}}, size);
}

/// The same of what is a part of a marked object, which has some.
Mask part_of(const Shape& shape, Size size) {
  if (std::holds_alternative<Box>(shape) || std::holds_alternative<Point>(shape))
    throw InvalidArgument(
        "shares its name and group_id with another shape, as only polygons, circles and masks can");
  Mask part = pixels_of(shape, size);
  if (part.empty())
    throw InvalidArgument(fmt::format("covers no pixel of the image of {}", to_string(size)));
  return part;
}

/// Whether a polygon or rectangle lies beside the image, as a whole.
bool is_outside(const Shape& shape, Size size) {
  if (std::holds_alternative<Mask>(shape)) return false;
  const auto* polygon = std::get_if<Polygon>(&shape);
  const Box box = polygon != nullptr ? around(polygon->vertices) : std::get<Box>(shape);
  return box.x1 <= 0 || box.y1 <= 0 || box.x0 >= static_cast<float>(size.width) ||
         box.y0 >= static_cast<float>(size.height);
}

/// The pixels of a shape. @throws InvalidArgument  it has none in the image.
Mask some_pixels_of(const Shape& shape, Size size) {
  Mask pixels = pixels_of(shape, size);
  if (!pixels.empty()) return pixels;
  if (is_outside(shape, size))
    throw InvalidArgument(fmt::format("lies outside of the image of {}", to_string(size)));
  throw InvalidArgument(
      fmt::format("is empty: it covers no pixel of the image of {}", to_string(size)));
}

}  // namespace

Mark LabelmeMark::mark() const {
  if (const auto* mask = std::get_if<cv::Mat>(&shape)) return MaskView(*mask);
  if (const auto* box = std::get_if<Box>(&shape)) return *box;
  if (const auto* point = std::get_if<Point>(&shape)) return *point;
  return std::get<Polygon>(shape);
}

std::vector<std::string> LabelmeFile::classes() const {
  std::vector<std::string> names;
  for (const LabelmeMark& mark : marks)
    if (std::find(names.begin(), names.end(), mark.label) == names.end())
      names.push_back(mark.label);
  return names;
}

LabelmeFile read_labelme(const std::filesystem::path& path) {
  LabelmeFile file;
  std::vector<Shape> shapes;  // of the marks
  Objects objects;
  const Document document = read(path, [&](const Document& of, const json& shape, std::size_t) {
    const std::string name = member(shape, "label").get<std::string>();
    LabelmeMark mark;
    std::tie(mark.label, mark.negative) = class_of(name);
    if (mark.label.empty()) throw InvalidArgument("has no name, expected that of its class");
    Shape drawn = shape_of(shape, of.size, true);
    if (std::holds_alternative<Mask>(drawn)) drawn = part_of(drawn, of.size);
    const auto [index, is_new] = objects.at(shape, name);
    if (is_new) {
      file.marks.push_back(std::move(mark));
      shapes.push_back(std::move(drawn));
    } else {
      shapes[index] = united(part_of(shapes[index], of.size), part_of(drawn, of.size));
    }
  });
  file.image = image_file(path, document.image_path);
  file.size = document.size;
  for (std::size_t i = 0; i < shapes.size(); ++i)
    std::visit(
        [&](const auto& shape) {
          if constexpr (std::is_same_v<std::decay_t<decltype(shape)>, Mask>)
            file.marks[i].shape = to_frame(shape, file.size);
          else
            file.marks[i].shape = shape;
        },
        shapes[i]);
  return file;
}

LoadedImage load_labelme_image(const std::filesystem::path& path, const ReadOptions& options) {
  const Document document = read(path, [](auto&&...) {});
  const std::filesystem::path image = image_file(path, document.image_path);
  std::error_code ignored;  // an empty imagePath is the folder
  const bool is_there =
      std::filesystem::exists(image, ignored) && !std::filesystem::is_directory(image, ignored);
  if (document.image_data.empty() || is_there) return load_image(image, options);
  return detail::load_image(image_inside(path, document), path.string() + ": imageData", options);
}

LabelmeMasks read_labelme_masks(const std::filesystem::path& path) {
  LabelmeMasks file;
  Objects objects;
  const Document document = read(path, [&](const Document& of, const json& shape, std::size_t) {
    const std::string name = member(shape, "label").get<std::string>();
    Mask part = pixels_of(shape_of(shape, of.size, false), of.size);
    const auto [index, is_new] = objects.at(shape, name);
    if (is_new) {
      file.labels.push_back(name);
      file.masks.push_back(std::move(part));
    } else {
      file.masks[index] = united(file.masks[index], part);
    }
  });
  file.image = document.image_path;
  file.size = document.size;
  return file;
}

LabelmeObjects read_labelme_objects(const std::filesystem::path& path) {
  LabelmeObjects file;
  Objects objects;
  std::vector<std::optional<std::size_t>> places;  // of each object among the masks
  const auto take = [&](const Document& of, const json& shape, std::size_t number) {
    const std::string name = member(shape, "label").get<std::string>();
    const auto [label, negative] = class_of(name);
    if (label.empty()) throw InvalidArgument("has no label, expected the name of its class");
    if (negative)
      throw InvalidArgument(
          fmt::format("is named \"{}\", a negative example; expected an object", name));
    Mask part = some_pixels_of(shape_of(shape, of.size, false), of.size);
    const auto index = objects.at(shape, name).first;
    places.resize(std::max(places.size(), index + 1));
    if (places[index]) {
      file.masks[*places[index]] = united(file.masks[*places[index]], part);
      return;
    }
    places[index] = file.masks.size();
    file.labels.push_back(label);
    file.masks.push_back(std::move(part));
    file.shapes.push_back(number);
  };
  const Document document = read(path, take, &file.broken);
  file.image = document.image_path;
  file.size = document.size;
  if (!document.image_data.empty()) file.image_data = image_inside(path, document);
  return file;
}

}  // namespace persense::io
