#include "outputs.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "persense/io/class_names.hpp"
#include "persense/io/coco.hpp"
#include "persense/io/figure.hpp"
#include "persense/io/files.hpp"
#include "persense/io/geojson.hpp"
#include "persense/io/imagej.hpp"
#include "persense/io/images.hpp"
#include "persense/io/labelme.hpp"
#include "persense/io/overlay.hpp"
#include "persense/io/tables.hpp"
#include "persense/io/yolo.hpp"
#include "queries.hpp"

namespace persense::cli {

namespace fs = std::filesystem;

namespace {

/// labelme opens the query beside the shapes; where it would see nothing there, or other pixels,
/// the image is inside.
void write_labelme(const fs::path& path, const Shown& shown) {
  std::error_code error;
  io::LabelmeOptions options;
  if (!fs::is_regular_file(shown.query, error) || io::may_be_deep(shown.query))
    options.image = shown.image;
  const fs::path seen = fs::proximate(shown.query, path.parent_path(), error);
  io::write_labelme(path, (error ? fs::absolute(shown.query) : seen).string(), shown.result,
                    options);
}

void write_yolo(const fs::path& path, const Shown& shown) {
  io::YoloOptions options;
  if (shown.request.yolo_boxes) options.shapes = io::YoloShapes::boxes;
  io::write_yolo(path, shown.result, options);
}

}  // namespace

std::vector<fs::path> output_paths(const OutputNames& names, const std::string& kind) {
  const auto file = [&](const std::string& suffix) {
    return names.folder / (names.query + suffix);
  };
  if (kind == "coco") return {names.folder / ".persense-run" / (names.query + ".json")};
  if (kind == "csv") return {file("_instances.csv")};
  if (kind == "measurements") return {file("_measurements.csv")};
  if (kind == "labelme") return {file("_labelme.json")};
  if (kind == "yolo") return {file(".txt")};  // the image's own name, which Ultralytics looks for
  if (kind == "geojson") return {file(".geojson")};
  if (kind == "imagej") return {file("_rois.zip")};
  if (kind == "overlay" || names.classes.size() < 2) return {file("_" + kind + ".png")};
  if (kind == "labels") return {file("_labels.png"), file("_classes.png")};
  std::vector<fs::path> traces;
  for (const std::string& name : io::file_name_parts(names.classes))
    traces.push_back(file(fmt::format("_trace_{}.png", name)));
  return traces;
}

void require_short_names(const OutputNames& names, const std::string& kind) {
  const long most = ::pathconf(names.folder.c_str(), _PC_NAME_MAX);
  for (const fs::path& path : output_paths(names, kind))
    if (const auto length = path.filename().string().size();
        most > 0 && length > static_cast<std::size_t>(most))
      throw InvalidArgument(
          fmt::format("the name of an output, {}, would have {} bytes, the file system takes {}; "
                      "expected a query with a shorter name",
                      path.filename().string(), length, most));
}

void write_output(const OutputNames& names, const std::string& kind, const Shown& shown,
                  const Engine& engine) {
  const auto paths = output_paths(names, kind);
  const Result& result = shown.result;
  if (kind == "overlay") io::write_png(paths[0], io::render_overlay(shown.image, result));
  if (kind == "csv") io::write_csv(paths[0], result);
  if (kind == "measurements") io::write_measurements(paths[0], result, shown.image, shown.pixel);
  if (kind == "labelme") write_labelme(paths[0], shown);
  if (kind == "yolo") write_yolo(paths[0], shown);
  if (kind == "geojson") io::write_geojson(paths[0], result);
  if (kind == "imagej") io::write_imagej_rois(paths[0], result, shown.slice);
  if (kind == "labels") {
    io::write_labels_png(paths[0], result);
    if (paths.size() > 1) io::write_classes_png(paths[1], result);
  }
  if (kind == "trace")
    for (std::size_t k = 0; k < paths.size(); ++k)
      io::write_png(paths[k], io::render_figure(shown.image, shown.supports[k].info().examples,
                                                of_class(result, k)));
  if (kind == "coco") {
    make_folder(paths[0].parent_path());
    io::CocoHeader header;
    header.categories.assign(names.classes.begin(), names.classes.end());
    header.stages = engine.stages();
    header.options = engine.options();
    if (shown.request.coco_polygons) header.masks = io::CocoMasks::polygons;
    io::CocoWriter coco(paths[0], header);
    coco.add(shown.coco_name, result);
    coco.close();
  }
}

void write_coco_of_run(std::span<const OutputNames> queries, const Engine& engine) {
  io::CocoHeader header{{}, engine.stages(), engine.options(), io::CocoMasks::rle};
  const OutputNames& first = queries.front();
  header.categories.assign(first.classes.begin(), first.classes.end());
  io::CocoWriter coco(first.folder / "instances.json", header);
  for (const OutputNames& names : queries) coco.append(output_paths(names, "coco").front());
  coco.close();
}

void write_yolo_data(const fs::path& folder, std::span<const std::string> classes,
                     std::span<const fs::path> queries) {
  std::vector<std::string> images;
  for (const fs::path& query : queries) {
    std::error_code error;
    const fs::path images_folder = fs::absolute(query).parent_path();
    const fs::path seen = fs::proximate(images_folder, folder, error);
    const std::string text = text_of(error ? images_folder : seen);
    if (std::find(images.begin(), images.end(), text) == images.end()) images.push_back(text);
  }
  io::write_file(folder / "data.yaml", io::yolo_data(classes, images));
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error && !fs::is_directory(folder)) error = std::make_error_code(std::errc::not_a_directory);
  if (!error && ::access(folder.c_str(), W_OK | X_OK) != 0)
    error = std::error_code(errno, std::generic_category());
  if (error)
    throw Unwritable(fmt::format("output folder {}: {}", folder.string(), error.message()));
}

}  // namespace persense::cli
