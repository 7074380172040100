#include "label_studio_regions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "io/outlines.hpp"
#include "json.hpp"
#include "label_studio_rle.hpp"
#include "persense/error.hpp"
#include "persense/example.hpp"
#include "server.hpp"

namespace persense::serve {

namespace {

constexpr double whole = 100;  // percent

/// A number of a region's value. @throws InvalidArgument.
double number_in(const Json& value, const char* key) {
  const auto found = value.find(key);
  if (found == value.end() || !found->is_number())
    throw InvalidArgument(fmt::format("has no number {}", key));
  const auto number = found->get<double>();
  if (!(std::abs(number) < 1e5)) throw InvalidArgument(fmt::format("{} is far too large", key));
  return number;
}

double turn_of(const Json& value) {
  return value.contains("rotation") ? number_in(value, "rotation") * std::numbers::pi / 180 : 0;
}

/// Corners that were turned clockwise around a point, in pixels.
Json turned(const std::vector<cv::Point2d>& corners, cv::Point2d around, double angle) {
  std::vector<double> numbers;
  for (const cv::Point2d& corner : corners) {
    const cv::Point2d arm = corner - around;
    numbers.push_back(around.x + arm.x * std::cos(angle) - arm.y * std::sin(angle));
    numbers.push_back(around.y + arm.x * std::sin(angle) + arm.y * std::cos(angle));
  }
  return {{"polygon", numbers}};
}

/// A rectangle is turned around its top left corner.
Json rectangle(const Json& value, Size size) {
  const double x0 = number_in(value, "x") / whole * size.width,
               y0 = number_in(value, "y") / whole * size.height,
               x1 = x0 + number_in(value, "width") / whole * size.width,
               y1 = y0 + number_in(value, "height") / whole * size.height;
  if (const double angle = turn_of(value); angle != 0)
    return turned({{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}}, {x0, y0}, angle);
  return {{"box", {x0, y0, x1, y1}}};
}

/// An ellipse is turned around its centre.
Json ellipse(const Json& value, Size size) {
  constexpr int count = 64;
  const cv::Point2d centre(number_in(value, "x") / whole * size.width,
                           number_in(value, "y") / whole * size.height);
  const double a = number_in(value, "radiusX") / whole * size.width,
               b = number_in(value, "radiusY") / whole * size.height;
  std::vector<cv::Point2d> corners;
  for (int i = 0; i < count; ++i) {
    const double angle = 2 * std::numbers::pi * i / count;
    corners.emplace_back(centre.x + a * std::cos(angle), centre.y + b * std::sin(angle));
  }
  return turned(corners, centre, turn_of(value));
}

/// The pixel of a keypoint, which may be on the image's edge.
Json keypoint(const Json& value, Size size) {
  const auto pixel = [&](const char* key, int side) {
    const int at = static_cast<int>(std::floor(number_in(value, key) / whole * side));
    return at == side ? side - 1 : at;
  };
  return {{"point", {pixel("x", size.width), pixel("y", size.height)}}};
}

Json polygon(const Json& value, Size size) {
  std::vector<double> numbers;
  for (const Json& point : value.at("points")) {
    if (!point.is_array() || point.size() != 2)
      throw InvalidArgument("has a point that is no pair of numbers");
    numbers.push_back(point[0].get<double>() / whole * size.width);
    numbers.push_back(point[1].get<double>() / whole * size.height);
  }
  return {{"polygon", numbers}};
}

Json brush(const Json& value, Size size) {
  std::vector<std::uint8_t> bytes;
  for (const Json& number : value.at("rle")) {
    const auto byte = persense::detail::whole_number(number, 0, UINT8_MAX);
    if (!byte) throw InvalidArgument("rle: has a number that is no byte");
    bytes.push_back(static_cast<std::uint8_t>(*byte));
  }
  return {{"runs", runs_of_label_studio_rle(bytes, size)}};
}

/// The shape of a region; null where it is none.
Json shape_of(const std::string& type, const Json& value, Size size) {
  if (type.starts_with("keypoint")) return keypoint(value, size);
  if (type.starts_with("rectangle")) return rectangle(value, size);
  if (type.starts_with("ellipse")) return ellipse(value, size);
  if (type.starts_with("polygon")) return polygon(value, size);
  if (type.starts_with("brush")) return brush(value, size);
  return nullptr;
}

/// The first label of a region; empty where it has none.
std::string label_of(const std::string& type, const Json& value) {
  const auto labels = value.find(type);
  if (labels == value.end() || !labels->is_array() || labels->empty()) return "";
  return labels->front().is_string() ? labels->front().get<std::string>() : "";
}

bool is_negative(const Json& region) {
  const auto sign = region.find("is_positive");
  if (sign == region.end() || sign->is_null()) return false;
  return *sign == false || (sign->is_number() && sign->get<double>() == 0);
}

/// The mark that a region is; null where it is none.
Json mark_of_region(const Json& region, const std::string& tag, Size size) {
  if (!region.is_object() || !region.contains("value") || region.value("to_name", tag) != tag)
    return nullptr;
  const std::string type = region.value("type", std::string());
  const Json& value = region["value"];
  Json mark = shape_of(type, value, size);
  if (mark.is_null()) return mark;
  if (const double turn = region.value("image_rotation", 0.0); turn != 0)
    throw InvalidArgument(
        fmt::format("is of an image turned by {:g} degrees, expected one as it is stored", turn));
  mark["class"] = label_of(type, value);
  mark["negative"] = is_negative(region);
  return mark;
}

Json in_percent(Point point, Size size) {
  return {whole * point.x / size.width, whole * point.y / size.height};
}

Json outline(const Mask& mask, Size size) {
  constexpr double tolerance = 0.75;  // pixels, as for labelme: corners that can be moved by hand
  const auto area = [](const io::detail::Ring& ring) {
    std::vector<cv::Point> corners;
    for (const Point& p : ring) corners.emplace_back(p.x, p.y);
    return cv::contourArea(corners);
  };
  const auto rings = io::detail::polygons_of(mask, tolerance);
  const auto largest = std::max_element(
      rings.begin(), rings.end(), [&](const auto& a, const auto& b) { return area(a) < area(b); });
  Json points = Json::array();
  for (const Point& corner : *largest) points.push_back(in_percent(corner, size));
  return {{"points", std::move(points)}, {"closed", true}};
}

Json box(const PixelBox& box, Size size) {
  return {{"x", whole * box.x0 / size.width},
          {"y", whole * box.y0 / size.height},
          {"width", whole * box.width() / size.width},
          {"height", whole * box.height() / size.height},
          {"rotation", 0}};
}

}  // namespace

Json marks_of_regions(const Json& regions, const std::string& tag, const std::string& image,
                      Size size) {
  Json marks = Json::array();
  if (!regions.is_array()) return marks;
  std::size_t number = 0;
  for (const Json& region : regions) try {
      ++number;
      Json mark = mark_of_region(region, tag, size);
      if (mark.is_null()) continue;
      mark["image"] = image;
      marks.push_back(std::move(mark));
    } catch (const InvalidArgument& error) {
      throw InvalidArgument(fmt::format("region {}: {}", number, error.what()));
    } catch (const Json::exception&) {
      throw InvalidArgument(fmt::format("region {}: is no region of Label Studio", number));
    }
  return marks;
}

Json region_of(const Instance& instance, const RegionTag& tag, const std::string& label,
               Size size) {
  Json value;
  if (tag.type == "polygonlabels")
    value = outline(instance.mask, size);
  else if (tag.type == "brushlabels")
    value = {{"format", "rle"}, {"rle", to_label_studio_rle(instance.mask, size)}};
  else
    value = box(instance.mask.box, size);
  value[tag.type] = Json::array({label});
  constexpr std::size_t id_length = 10;  // as Label Studio's own
  return {{"id", random_token().substr(0, id_length)},
          {"from_name", tag.name},
          {"to_name", tag.image},
          {"type", tag.type},
          {"original_width", size.width},
          {"original_height", size.height},
          {"image_rotation", 0},
          {"score", std::round(instance.score * 1e4) / 1e4},
          {"value", std::move(value)}};
}

}  // namespace persense::serve
