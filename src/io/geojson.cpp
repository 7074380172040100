#include "persense/io/geojson.hpp"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "json_text.hpp"
#include "outlines.hpp"
#include "persense/io/class_names.hpp"
#include "persense/io/files.hpp"

namespace persense::io {

namespace {

using persense::detail::json_text;

/// A ring's positions; the first one again is the last.
std::string ring_text(const detail::Ring& ring) {
  std::string text;
  for (const Point p : ring) text += fmt::format("[{},{}],", p.x, p.y);
  return fmt::format("[{}[{},{}]]", text, ring.front().x, ring.front().y);
}

/// The coordinates of a Polygon.
std::string part_text(const detail::Part& part) {
  std::string text;
  for (const detail::Ring& ring : part) text += (text.empty() ? "" : ",") + ring_text(ring);
  return fmt::format("[{}]", text);
}

std::string geometry_text(const Mask& mask) {
  const std::vector<detail::Part> parts = detail::parts_of(mask);
  if (parts.size() == 1)
    return fmt::format(R"({{"type":"Polygon","coordinates":{}}})", part_text(parts.front()));
  std::string text;
  for (const detail::Part& part : parts) text += (text.empty() ? "" : ",") + part_text(part);
  return fmt::format(R"({{"type":"MultiPolygon","coordinates":[{}]}})", text);
}

}  // namespace

std::string to_geojson(const Result& result, QuPathObjects objects) {
  std::vector<std::string> names = class_names(result);
  for (std::string& name : names) name = json_text(name);
  const char* const type = objects == QuPathObjects::annotations ? "annotation" : "detection";
  std::string features;
  std::size_t id = 0;
  for (const Instance& instance : result.instances) {
    ++id;
    if (instance.mask.empty()) continue;
    features += features.empty() ? "\n" : ",\n";
    features += fmt::format(
        R"({{"type":"Feature","id":{},"geometry":{},"properties":{{"objectType":"{}",)"
        R"("name":"{}","classification":{{"name":{}}},"measurements":{{"area":{},"score":{}}}}}}})",
        id, geometry_text(instance.mask), type, id, names.at(instance.class_index),
        instance.mask.area(), json_text(std::round(double{instance.score} * 1e4) / 1e4));
  }
  return fmt::format(R"({{"type":"FeatureCollection","features":[{}]}})"
                     "\n",
                     features);
}

void write_geojson(const std::filesystem::path& path, const Result& result, QuPathObjects objects) {
  write_file(path, to_geojson(result, objects));
}

}  // namespace persense::io
