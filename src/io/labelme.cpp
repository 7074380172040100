#include "persense/io/labelme.hpp"
#include "persense/detail/marks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <numbers>
#include <optional>
#include <string_view>
#include <utility>

#include "json.hpp"
#include "persense/error.hpp"
#include "persense/failure.hpp"
#include "persense/io/files.hpp"
#include "persense/io/images.hpp"

namespace persense::io {

namespace {

using nlohmann::json;
using Shape = decltype(LabelmeMark::shape);

/// The bytes that base64 stands for; nothing where it is not base64.
std::optional<std::vector<std::uint8_t>> from_base64(std::string_view text) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  while (text.ends_with('=')) text.remove_suffix(1);
  std::vector<std::uint8_t> bytes;
  unsigned bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '\n' || c == '\r') continue;
    const auto value = digits.find(c);
    if (value == digits.npos) return std::nullopt;
    bits = (bits << 6 | static_cast<unsigned>(value)) & 0xffffff;
    if ((count += 6) >= 8) bytes.push_back(static_cast<std::uint8_t>(bits >> (count -= 8) & 0xff));
  }
  return bytes;
}

/// What is farther away is in no image.
constexpr float farthest = 1e6f;

/// The image's width or height. @throws InvalidArgument  it is none that an image has.
int side_of(const json& document, const char* key) {
  constexpr int longest = 1 << 20;  // as images are read
  const auto side = persense::detail::whole_number(document.at(key), 1, longest);
  if (!side) throw InvalidArgument(fmt::format("{} is not a number from 1 to {}", key, longest));
  return static_cast<int>(*side);
}

/// The points of a shape. @throws InvalidArgument  another number of them than `least` to `most`.
std::vector<Vertex> points_of(const json& shape, std::size_t least, std::size_t most) {
  const json& list = shape.at("points");
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

/// The grey pixels of a PNG; none where it is no PNG, or damaged.
cv::Mat decoded_png(const std::vector<std::uint8_t>& bytes) try {
  return decode_png(bytes);
} catch (const Unreadable&) {
  return {};
}

/// A mask shape: a PNG of its box in base64, at its first point.
cv::Mat mask_shape(const json& shape, Size size) {
  const auto corners = points_of(shape, 2, 2);
  const auto png = from_base64(shape.at("mask").get_ref<const std::string&>());
  const cv::Mat bits = png ? decoded_png(*png) : cv::Mat();
  if (bits.empty()) throw InvalidArgument("has a mask that is no PNG in base64");
  if (!(std::abs(corners[0].x) < farthest && std::abs(corners[0].y) < farthest))
    throw InvalidArgument("has a mask outside of the image");
  const int x0 = cvRound(corners[0].x), y0 = cvRound(corners[0].y);
  const cv::Rect frame(0, 0, size.width, size.height), box(x0, y0, bits.cols, bits.rows);
  const cv::Rect inside = frame & box;
  if (inside.empty()) throw InvalidArgument("has a mask outside of the image");
  cv::Mat mask = cv::Mat::zeros(size.height, size.width, CV_8UC1);
  cv::Mat(bits(inside - box.tl()) != 0).copyTo(mask(inside));
  return mask;
}

Shape shape_of(const json& shape, Size size) {
  const std::string type = shape.value("shape_type", "polygon");
  if (type == "polygon") return Polygon{points_of(shape, 3, 1u << 20)};
  if (type == "rectangle") {
    const auto p = points_of(shape, 2, 4);  // of newer versions all four corners
    Box box{p[0].x, p[0].y, p[0].x, p[0].y};
    for (const Vertex& v : p)
      box = {std::min(box.x0, v.x), std::min(box.y0, v.y), std::max(box.x1, v.x),
             std::max(box.y1, v.y)};
    return box;
  }
  if (type == "circle") {
    const auto p = points_of(shape, 2, 2);
    return circle(p[0], p[1]);
  }
  if (type == "point") {
    const auto p = points_of(shape, 1, 1);
    if (!(std::abs(p[0].x) < farthest && std::abs(p[0].y) < farthest))
      throw InvalidArgument("has a point far outside of the image");
    return Point{static_cast<int>(std::floor(p[0].x)), static_cast<int>(std::floor(p[0].y))};
  }
  if (type == "mask") return mask_shape(shape, size);
  throw InvalidArgument(
      fmt::format("is a \"{}\", expected a polygon, rectangle, circle, point or mask", type));
}

/// Class and sign of a shape's name.
std::pair<std::string, bool> class_of(std::string name) {
  const auto trimmed = [](std::string text) {
    while (!text.empty() && text.front() == ' ') text.erase(0, 1);
    while (!text.empty() && text.back() == ' ') text.pop_back();
    return text;
  };
  name = trimmed(name);
  if (name == "not") return {"", true};
  for (const std::string_view prefix : {"not ", "-"})
    if (name.starts_with(prefix)) return {trimmed(name.substr(prefix.size())), true};
  return {name, false};
}

/// The shape as a mask, to be joined with others.
cv::Mat as_mask(const Shape& shape, Size size) {
  if (const auto* mask = std::get_if<cv::Mat>(&shape)) return *mask;
  if (const auto* polygon = std::get_if<Polygon>(&shape)) return detail::mask_of(*polygon, size);
  throw InvalidArgument("has a group_id, which only polygons, circles and masks can have");
}

class Reader {
 public:
  explicit Reader(Size size) : size_(size) {}

  void add(const json& shape) {
    const std::string name = shape.at("label").get<std::string>();
    LabelmeMark mark;
    std::tie(mark.label, mark.negative) = class_of(name);
    if (mark.label.empty()) throw InvalidArgument("has no name, expected that of its class");
    mark.shape = shape_of(shape, size_);
    const auto group = shape.find("group_id");
    if (group == shape.end() || group->is_null()) {
      marks_.push_back(std::move(mark));
      return;
    }
    const auto [known, is_new] = groups_.emplace(std::pair(name, group->dump()), marks_.size());
    if (is_new) {
      marks_.push_back(std::move(mark));
      return;
    }
    Shape& first = marks_[known->second].shape;
    first = cv::Mat(as_mask(first, size_) | as_mask(mark.shape, size_));
  }

  std::vector<LabelmeMark> marks() && { return std::move(marks_); }

 private:
  Size size_;
  std::vector<LabelmeMark> marks_;
  std::map<std::pair<std::string, std::string>, std::size_t> groups_;  // name and id: its mark
};

/// imagePath as a path of this system: labelme on Windows writes backslashes.
std::filesystem::path image_path(std::string text) {
  std::replace(text.begin(), text.end(), '\\', '/');
  return text;
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
  const auto bytes = read_file(path);
  const json document =
      persense::detail::parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  const auto refuse = [&](const std::string& why) {
    return Unreadable(one_line(fmt::format("{}: {}", path.string(), why)));
  };
  if (document.is_discarded()) throw refuse("not JSON, expected a labelme file");
  std::size_t number = 0;
  try {
    LabelmeFile file;
    file.size = {side_of(document, "imageWidth"), side_of(document, "imageHeight")};
    if (file.size.pixels() > 1 << 30)
      throw InvalidArgument(
          fmt::format("image of {}, expected at most 2^30 pixels", to_string(file.size)));
    file.image = path.parent_path() / image_path(document.at("imagePath").get<std::string>());
    const auto shapes = document.at("shapes").get<std::vector<json>>();
    Reader reader(file.size);
    for (const json& shape : shapes) {
      ++number;
      reader.add(shape);
    }
    file.marks = std::move(reader).marks();
    return file;
  } catch (const InvalidArgument& e) {
    throw refuse(number == 0 ? e.what() : fmt::format("shape {} {}", number, e.what()));
  } catch (const json::exception& e) {
    throw refuse(number == 0 ? fmt::format("not a labelme file ({})", e.what())
                             : fmt::format("shape {}: {}", number, e.what()));
  }
}

}  // namespace persense::io
