// Files out, of other tools as well, and labelme's in and out.
#include "persense/io/files.hpp"

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "arrays.hpp"
#include "bind.hpp"
#include "persense/io/geojson.hpp"
#include "persense/io/imagej.hpp"
#include "persense/io/labelme.hpp"
#include "persense/io/yolo.hpp"

namespace persense::python {

using namespace py::literals;

namespace {

void write_file(const std::filesystem::path& path, const py::bytes& bytes) {
  const auto whole = bytes.cast<std::string_view>();
  py::gil_scoped_release nogil;
  io::write_file(path, whole);
}

using Masks = std::vector<std::shared_ptr<Mask>>;

std::tuple<std::string, std::pair<int, int>, std::vector<std::string>, Masks> read_labelme_masks(
    const std::filesystem::path& path) {
  io::LabelmeMasks file;
  {
    py::gil_scoped_release nogil;
    file = io::read_labelme_masks(path);
  }
  Masks masks;
  for (Mask& mask : file.masks) masks.push_back(std::make_shared<Mask>(std::move(mask)));
  return {file.image, {file.size.width, file.size.height}, file.labels, masks};
}

/// The argument of `Example` that a shape is, and its value.
using MarkArgument = std::pair<std::string, py::object>;
MarkArgument argument_of(const cv::Mat& mask) { return {"mask", array_of(mask)}; }
MarkArgument argument_of(const Box& box) {
  return {"box", py::cast(std::vector<float>{box.x0, box.y0, box.x1, box.y1})};
}
MarkArgument argument_of(const Point& point) {
  return {"point", py::cast(std::vector<int>{point.x, point.y})};
}
MarkArgument argument_of(const Polygon& polygon) {
  const auto count = static_cast<py::ssize_t>(polygon.vertices.size());
  py::array_t<float> array(std::vector<py::ssize_t>{count, 2});
  float* out = array.mutable_data();
  for (const Vertex& v : polygon.vertices) *out++ = v.x, *out++ = v.y;
  return {"polygon", array};
}

std::vector<std::tuple<std::string, bool, std::string, py::object>> read_labelme_marks(
    const std::filesystem::path& path) {
  io::LabelmeFile file;
  {
    py::gil_scoped_release nogil;
    file = io::read_labelme(path);
  }
  std::vector<std::tuple<std::string, bool, std::string, py::object>> marks;
  for (const io::LabelmeMark& mark : file.marks) {
    auto [kind, value] =
        std::visit([](const auto& shape) { return argument_of(shape); }, mark.shape);
    marks.emplace_back(mark.label, mark.negative, std::move(kind), std::move(value));
  }
  return marks;
}

py::array load_labelme_image(const std::filesystem::path& path) {
  io::LoadedImage loaded;
  {
    py::gil_scoped_release nogil;
    loaded = io::load_labelme_image(path);
  }
  return array_of(loaded.image.mat());
}

std::string to_labelme(const Result& result, const py::bytes& image_path, const std::string& shape,
                       double tolerance, const std::string& label, const py::object& image) {
  io::LabelmeOptions options;
  options.shapes = shape == "mask" ? io::LabelmeShapes::masks : io::LabelmeShapes::polygons;
  options.tolerance = tolerance;
  options.label = label;
  Held<ImageView> held;
  if (!image.is_none()) {
    held = image_argument(image, "image");
    options.image = held.view;
  }
  const std::string name(image_path);
  py::gil_scoped_release nogil;
  return io::to_labelme(name, result, options);
}

std::string to_yolo(const Result& result, bool boxes, double tolerance) {
  const auto shapes = boxes ? io::YoloShapes::boxes : io::YoloShapes::polygons;
  py::gil_scoped_release nogil;
  return io::to_yolo(result, {shapes, tolerance});
}

std::string to_geojson(const Result& result, bool annotations) {
  py::gil_scoped_release nogil;
  return io::to_geojson(
      result, annotations ? io::QuPathObjects::annotations : io::QuPathObjects::detections);
}

void write_imagej_rois(const std::filesystem::path& path, const Result& result, int slice) {
  py::gil_scoped_release nogil;
  io::write_imagej_rois(path, result, slice);
}

}  // namespace

void bind_files(py::module_& m) {
  m.def("write_file", &write_file, "path"_a, "bytes"_a,
        "Writes a file that is complete, or as it was before.");
  m.def(
      "to_labelme", &to_labelme, "result"_a, "image_path"_a, "shape"_a, "tolerance"_a, "label"_a,
      "image"_a,
      "The JSON text of a labelme file; see Result.to_labelme. An empty label is the class's; an\n"
      "image is kept inside.");
  m.def("to_yolo", &to_yolo, "result"_a, "boxes"_a, "tolerance"_a,
        "The text of a YOLO label file; see Result.to_yolo.");
  m.def("to_geojson", &to_geojson, "result"_a, "annotations"_a,
        "The text of a GeoJSON file; see Result.to_geojson.");
  m.def("write_imagej_rois", &write_imagej_rois, "path"_a, "result"_a, "slice"_a,
        "Writes a zip file of ROIs; see Result.save_rois.");
  m.def("read_labelme_masks", &read_labelme_masks, "path"_a,
        "imagePath, (width, height), and the label and the mask of each instance.");
  m.def("read_labelme_marks", &read_labelme_marks, "path"_a,
        "(class, negative, argument of Example, its value) of each object.");
  m.def("load_labelme_image", &load_labelme_image, "path"_a,
        "The image that a labelme file is of, or else the one inside of it: (H, W, 3) uint8.");
}

}  // namespace persense::python
