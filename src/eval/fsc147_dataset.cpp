// FSC-147: dots and three exemplar boxes for each image.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "formats.hpp"
#include "json.hpp"
#include "persense/error.hpp"
#include "persense/io/files.hpp"

namespace persense::eval {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr const char* annotations_name = "annotation_FSC147_384.json";

json read_json(const fs::path& path) {
  const auto bytes = io::read_file(path);
  json read =
      persense::detail::parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (read.is_discarded()) throw Unreadable(fmt::format("{}: no JSON", path.string()));
  return read;
}

/// The box around the corners that an exemplar has.
Box box_of(const json& corners) {
  Box box{INFINITY, INFINITY, -INFINITY, -INFINITY};
  for (const json& corner : corners) {
    const float x = corner.at(0).get<float>(), y = corner.at(1).get<float>();
    box = {std::min(box.x0, x), std::min(box.y0, y), std::max(box.x1, x), std::max(box.y1, y)};
  }
  return box;
}

/// The exemplars; what is wrong with them is thrown.
std::vector<Box> boxes_of(const json& annotation) {
  std::vector<Box> boxes;
  for (const json& corners : annotation.at("box_examples_coordinates")) {
    boxes.push_back(box_of(corners));
    const Box& b = boxes.back();
    if (!(b.x0 < b.x1 && b.y0 < b.y1))
      throw InvalidArgument(fmt::format("exemplar {} has no area, expected a box", boxes.size()));
  }
  if (boxes.empty()) throw InvalidArgument("has no exemplar, expected boxes");
  return boxes;
}

}  // namespace

fs::path fsc147_annotations(const fs::path& folder) {
  const fs::path usual = folder / annotations_name;
  return fs::exists(usual) ? usual : fs::path();
}

Dataset open_fsc147(const fs::path& path, const DatasetRequest& request) {
  if (!fs::exists(path))
    throw FileNotFound(fmt::format("{}: no such folder, expected FSC-147", path.string()));
  const fs::path file = path / annotations_name;
  const fs::path split_file = path / "Train_Test_Val_FSC_147.json";
  const fs::path images = request.images.empty() ? path / "images_384_VarV2" : request.images;
  const json annotations = read_json(file), splits = read_json(split_file);
  if (!splits.is_object() || !splits.contains(request.split) || !splits[request.split].is_array())
    throw InvalidArgument(fmt::format("--split: {} has no list \"{}\", expected train, val or test",
                                      split_file.string(), request.split));
  Dataset dataset;
  dataset.format = "fsc147";
  DatasetClass all;  // errors are over images, whatever their class
  all.name = request.split;
  const auto report = [&](const std::string& name, const std::string& what) {
    const std::string line = fmt::format("{}: {}: {}", file.string(), name, what);
    if (request.broken == Broken::fail) throw Unreadable(line);
    dataset.broken.push_back(line);
  };
  for (const json& entry : splits[request.split]) {
    const std::string name =
        entry.is_string() ? entry.get<std::string>() : persense::detail::json_text(entry);
    try {
      if (!annotations.contains(name)) throw InvalidArgument("has no annotation");
      const json& annotation = annotations.at(name);
      DatasetSupport support;
      support.image = images / name;
      support.boxes = boxes_of(annotation);
      DatasetQuery query{fs::path(name).stem().string(), images / name};
      query.count = static_cast<std::int64_t>(annotation.at("points").size());
      query.support = all.supports.size();
      all.supports.push_back(std::move(support));
      all.queries.push_back(std::move(query));
    } catch (const json::exception& e) {
      report(name, fmt::format("expected box_examples_coordinates and points ({})", e.what()));
    } catch (const InvalidArgument& e) {
      report(name, e.what());
    }
  }
  if (all.queries.empty())
    throw InvalidArgument(
        fmt::format("{}: no image of the split {} can be used", file.string(), request.split));
  dataset.classes.push_back(std::move(all));
  return dataset;
}

}  // namespace persense::eval
