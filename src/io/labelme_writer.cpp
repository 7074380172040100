#include <fmt/format.h>

#include <opencv2/core.hpp>

#include "base64.hpp"
#include "json_text.hpp"
#include "outlines.hpp"
#include "persense/io/class_names.hpp"
#include "persense/io/files.hpp"
#include "persense/io/images.hpp"
#include "persense/io/labelme.hpp"

namespace persense::io {

namespace {

using persense::detail::json_text;

/// The first whose files may hold masks beside polygons.
constexpr const char* labelme_version = "5.5.0";

std::string png_text(const cv::Mat& pixels) {
  return '"' + detail::to_base64(encode_png(pixels)) + '"';
}

/// @param points  as JSON, without the outer brackets. @param group, mask  JSON or "null".
std::string shape_text(const char* type, const std::string& label, const std::string& points,
                       const std::string& group, const std::string& mask) {
  return fmt::format(
      R"({{"label":{},"points":[{}],"group_id":{},"description":"","shape_type":"{}",)"
      R"("flags":{{}},"mask":{}}})",
      label, points, group, type, mask);
}

std::string mask_shape(const Mask& mask, const std::string& label) {
  const cv::Mat bits(mask.box.height(), mask.box.width(), CV_8UC1,
                     const_cast<std::uint8_t*>(mask.bits.data()));
  const PixelBox& box = mask.box;  // labelme's corners are inclusive
  return shape_text("mask", label,
                    fmt::format("[{},{}],[{},{}]", box.x0, box.y0, box.x1 - 1, box.y1 - 1), "null",
                    png_text(bits));
}

/// One polygon for each part; those of several share a group.
std::string polygon_shapes(const Mask& mask, const std::string& label, std::size_t id,
                           double tolerance) {
  const auto polygons = detail::polygons_of(mask, tolerance);
  std::string shapes;
  for (const detail::Ring& polygon : polygons) {
    std::string points;
    for (const Point p : polygon)
      points += fmt::format("{}[{},{}]", points.empty() ? "" : ",", p.x, p.y);
    shapes += shapes.empty() ? "" : ",\n";
    shapes += shape_text("polygon", label, points,
                         polygons.size() > 1 ? fmt::format("{}", id) : "null", "null");
  }
  return shapes;
}

}  // namespace

std::string to_labelme(const std::string& image_path, const Result& result,
                       const LabelmeOptions& options) {
  const auto names = class_names(result);
  std::string shapes;
  std::size_t id = 0;
  for (const Instance& instance : result.instances) {
    ++id;
    if (instance.mask.empty()) continue;
    const std::string label =
        json_text(options.label.empty() ? names.at(instance.class_index) : options.label);
    shapes += shapes.empty() ? "\n" : ",\n";
    shapes += options.shapes == LabelmeShapes::masks
                  ? mask_shape(instance.mask, label)
                  : polygon_shapes(instance.mask, label, id, options.tolerance);
  }
  return fmt::format(R"({{"version":"{}","flags":{{}},"shapes":[{}],"imagePath":{},"imageData":{},)"
                     R"("imageHeight":{},"imageWidth":{}}})"
                     "\n",
                     labelme_version, shapes, json_text(image_path),
                     options.image ? png_text(options.image->mat()) : "null",
                     result.image_size.height, result.image_size.width);
}

void write_labelme(const std::filesystem::path& path, const std::string& image_path,
                   const Result& result, const LabelmeOptions& options) {
  write_file(path, to_labelme(image_path, result, options));
}

}  // namespace persense::io
