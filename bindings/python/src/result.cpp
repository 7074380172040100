// Results: read-only views of what C++ holds. Every array keeps alive what it shows.
#include "persense/result.hpp"

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>
#include <pybind11/typing.h>

#include <algorithm>
#include <string>

#include "arrays.hpp"
#include "bind.hpp"
#include "persense/io/class_names.hpp"
#include "persense/io/coco.hpp"
#include "persense/io/images.hpp"
#include "persense/io/measurements.hpp"
#include "persense/io/tables.hpp"
#include "state.hpp"

namespace persense::python {

using namespace py::literals;

namespace {

using ResultPtr = std::shared_ptr<Result>;

std::pair<int, int> size_of(Size size) { return {size.width, size.height}; }

// A part of something shared, which lives as long as the part.
template <class Whole, class Part>
std::shared_ptr<Part> part_of(const std::shared_ptr<Whole>& whole, const Part& part) {
  return std::shared_ptr<Part>(whole, const_cast<Part*>(&part));
}

py::array_t<bool> bits_of(const std::shared_ptr<Mask>& mask) {
  static_assert(sizeof(bool) == 1);  // and a mask's bytes are 0 or 1
  return view_of<bool>({mask->box.height(), mask->box.width()},
                       reinterpret_cast<const bool*>(mask->bits.data()), py::cast(mask));
}

// One value an instance (or a mask), as an array.
template <class T, class Items, class Value>
py::array_t<T> column(const Items& items, Value value) {
  py::array_t<T> array(static_cast<py::ssize_t>(items.size()));
  std::transform(items.begin(), items.end(), array.mutable_data(), value);
  return array;
}

py::array_t<float> boxes_of(const Result& result) {
  std::vector<Box> boxes;
  for (const Instance& i : result.instances) boxes.push_back(i.box);
  return array_of(boxes);
}

py::array_t<int> points_of(const Result& result) {
  std::vector<Point> points;
  for (const Instance& i : result.instances) points.push_back(i.point);
  return array_of(points);
}

std::vector<std::shared_ptr<Mask>> masks_of(const ResultPtr& result) {
  std::vector<std::shared_ptr<Mask>> masks;
  for (const Instance& i : result->instances) masks.push_back(part_of(result, i.mask));
  return masks;
}

py::typing::Dict<py::str, double> timings_of(const Result& result) {
  py::typing::Dict<py::str, double> timings;
  for (std::size_t i = 0; i < step_count; ++i)
    timings[name_of(static_cast<Step>(i))] = result.timings.seconds[i];
  return timings;
}

/// @param tolerance  of polygons; none: run lengths.
std::string coco_of(const Result& result, const py::bytes& file_name,
                    const std::vector<std::string>& categories,
                    const std::vector<std::int64_t>& category_ids, std::int64_t image_id,
                    std::int64_t annotation_id, std::optional<double> tolerance) {
  io::CocoHeader header;
  header.categories = categories;
  if (tolerance) header.masks = io::CocoMasks::polygons;
  header.tolerance = tolerance.value_or(0);
  const std::string name(file_name);
  py::gil_scoped_release nogil;
  return io::to_coco(name, result, header, {image_id, annotation_id, category_ids});
}

py::array_t<std::int32_t> labels_of(const Result& result) {
  cv::Mat labels;
  {
    py::gil_scoped_release nogil;
    labels = io::label_image(result.image_size, result.instances);
  }
  return array_of(std::move(labels));
}

std::pair<py::array_t<float>, py::array_t<float>> detections_of(
    const std::vector<Detection>& found) {
  std::vector<Box> boxes;
  for (const Detection& d : found) boxes.push_back(d.box);
  return {array_of(boxes), column<float>(found, [](const Detection& d) { return d.confidence; })};
}

std::shared_ptr<Mask> mask_at(const py::object& bits, const py::object& origin) {
  // the package's rule for masks of any type
  const py::object inside =
      py::module_::import("persense._images").attr("mask_array")(bits, "bits");
  const Held<MaskView> held = mask_argument(inside, "bits");
  const Point first = point_argument(origin, "origin");
  return std::make_shared<Mask>(crop_to_box(held.view, {first.x, first.y}));
}

py::typing::Dict<py::str, double> measured(const Mask& mask, const py::object& image,
                                           const std::string& pixel_size) {
  const io::PixelSize pixel = io::parse_pixel_size(pixel_size);
  std::optional<Held<ImageView>> held;
  if (!image.is_none()) held = image_argument(image, "image");
  py::typing::Dict<py::str, double> values;
  for (const auto& [name, value] : io::named_values(
           io::measure(mask, held ? std::optional(held->view) : std::nullopt, pixel), pixel))
    values[py::str(name)] = value;
  return values;
}

void bind_mask(py::module_& m) {
  py::class_<Mask, std::shared_ptr<Mask>>(m, "Mask",
                                          "The pixels of one object, cropped to their tight box.")
      .def(py::init(&mask_at), "bits"_a, "origin"_a = py::make_tuple(0, 0),
           "The non-zero pixels of an array (h, w) of any numbers, whose first pixel lies at\n"
           "`origin` (x, y) in the image.")
      .def_property_readonly(
          "box",
          [](const Mask& mask) {
            return std::tuple(mask.box.x0, mask.box.y0, mask.box.x1, mask.box.y1);
          },
          "(x0, y0, x1, y1), pixels of the image, half-open.")
      .def_property_readonly("bits", &bits_of,
                             "(y1 - y0, x1 - x0) bool, read-only; a view, not a copy.")
      .def_property_readonly("area", &Mask::area, "Pixels inside.")
      .def("measure", &measured, "image"_a = py::none(), "pixel_size"_a = "1",
           "Size and shape as {name: number}; with the image, brightness inside as well.\n"
           "pixel_size: a length with its unit, as \"0.12mm\".")
      .def(py::pickle([](const Mask& mask) { return state_of(mask); },
                      [](const py::tuple& state) { return mask_from(state); }))
      .def("__repr__", [](const Mask& mask) {
        return fmt::format("Mask(box=({}, {}, {}, {}), area={})", mask.box.x0, mask.box.y0,
                           mask.box.x1, mask.box.y1, mask.area());
      });
}

void bind_pass(py::module_& m) {
  using PassPtr = std::shared_ptr<TracePass>;
  py::class_<TracePass, PassPtr>(m, "TracePass", "One round of density, IDM, PPSM and decoding.")
      .def_property_readonly(
          "exemplars", [](const TracePass& pass) { return array_of(pass.exemplars); },
          "(K, 4) float32: x0, y0, x1, y1.")
      .def_property_readonly(
          "density", [](const PassPtr& pass) { return view_of(pass->density, py::cast(pass)); },
          "(h, w) float32 as the density map generator gave it, read-only.")
      .def_property_readonly(
          "candidates", [](const TracePass& pass) { return array_of(pass.candidates); },
          "(N, 2) int32: x, y; what IDM found.")
      .def_property_readonly(
          "prompts", [](const TracePass& pass) { return array_of(pass.prompts); },
          "(M, 2) int32: x, y; what PPSM let through, or all candidates.")
      .def_property_readonly(
          "masks",
          [](const PassPtr& pass) {
            std::vector<std::shared_ptr<Mask>> masks;
            for (const ScoredMask& s : pass->masks) masks.push_back(part_of(pass, s.mask));
            return masks;
          },
          "M masks, one a prompt; a mask may be empty.")
      .def_property_readonly(
          "scores",
          [](const TracePass& pass) {
            return column<float>(pass.masks, [](const ScoredMask& s) { return s.score; });
          },
          "(M,) float32: the decoder's score of every mask.");
}

void bind_trace(py::module_& m) {
  using TracePtr = std::shared_ptr<Trace>;
  py::class_<Trace, TracePtr>(m, "Trace", "Every intermediate of the paper's figure 7.")
      .def_property_readonly(
          "similarity",
          [](const TracePtr& trace) { return view_of(trace->similarity, py::cast(trace)); },
          "(H, W) float32 in [-1, 1], read-only.")
      .def_property_readonly(
          "label_detections",
          [](const Trace& trace) { return detections_of(trace.detections.label); },
          "(boxes (N, 4) float32, confidences (N,) float32) found for the label.")
      .def_property_readonly(
          "phrase_detections",
          [](const Trace& trace) { return detections_of(trace.detections.phrase); },
          "(boxes (N, 4) float32, confidences (N,) float32) found for the phrase.")
      .def_property_readonly(
          "location_prior",
          [](const Trace& trace) {
            return std::pair(trace.location_prior.x, trace.location_prior.y);
          },
          "(x, y) of the exemplar's point prompt.")
      .def_property_readonly(
          "exemplar_mask",
          [](const TracePtr& trace) { return part_of(trace, trace->exemplar_mask.mask); },
          "The mask of the object at the location prior.")
      .def_property_readonly(
          "exemplar_score", [](const Trace& trace) { return trace.exemplar_mask.score; },
          "The decoder's score of exemplar_mask.")
      .def_property_readonly(
          "passes",
          [](const TracePtr& trace) {
            std::vector<std::shared_ptr<TracePass>> passes;
            for (const TracePass& pass : trace->passes) passes.push_back(part_of(trace, pass));
            return passes;
          },
          "The passes in their order, at most 1 + feedback.iterations.");
}

void bind_result_class(py::module_& m) {
  py::class_<Result, ResultPtr>(m, "Result", "Everything found in one query image.")
      .def("__len__", &Result::count)
      .def_property_readonly(
          "size", [](const Result& r) { return size_of(r.image_size); },
          "(width, height) of the query image.")
      .def_property_readonly("boxes", &boxes_of,
                             "(N, 4) float32: x0, y0, x1, y1 of the masks' tight boxes, half-open.")
      .def_property_readonly(
          "scores",
          [](const Result& r) {
            return column<float>(r.instances, [](const Instance& i) { return i.score; });
          },
          "(N,) float32: the decoder's estimate of each mask's quality.")
      .def_property_readonly("points", &points_of,
                             "(N, 2) int32: x, y of the point prompt of each instance.")
      .def_property_readonly("masks", &masks_of, "N masks, each cropped to its box.")
      .def_property_readonly(
          "class_indices",
          [](const Result& r) {
            return column<std::int64_t>(r.instances,
                                        [](const Instance& i) { return i.class_index; });
          },
          "(N,) int64: each instance's index into `classes`.")
      .def_property_readonly(
          "touches_border",
          [](const Result& r) {
            return column<bool>(r.instances, [](const Instance& i) { return i.touches_border; });
          },
          "(N,) bool: whether each instance touches the image's border.")
      .def_property_readonly(
          "classes", [](const Result& r) { return io::class_names(r); },
          "What each class is called: its support's label, or else \"object\" or \"class 2\".")
      .def_property_readonly(
          "class_labels",
          [](const Result& r) {
            std::vector<std::string> labels;
            for (const ClassResult& c : r.classes) labels.push_back(c.label);
            return labels;
          },
          "The supports' labels, which may be empty.")
      .def_property_readonly(
          "counts",
          [](const Result& r) {
            return column<std::int64_t>(r.classes, [](const ClassResult& c) { return c.count; });
          },
          "(K,) int64: the instances of each class.")
      .def(
          "of_class",
          [](const Result& r, std::size_t index) {
            return std::make_shared<Result>(of_class(r, index));
          },
          "index"_a, "The result of one class alone.")
      .def_property_readonly(
          "density", [](const ResultPtr& r) { return view_of(r->density(), py::cast(r)); },
          "(h, w) float32: the last density map of the only class, or the first, objects per\n"
          "pixel, read-only; a view.")
      .def_property_readonly("estimated_count", &Result::estimated_count,
                             "The sum of the classes' last density maps.")
      .def_property_readonly(
          "count_confidence", &Result::count_confidence,
          "How far the numbers of instances and the densities' sums agree: the smaller\n"
          "over the larger, of the class where they do least.")
      .def_property_readonly("timings", &timings_of, "Seconds by step, summed over the passes.")
      .def_property_readonly(
          "ppsm_fallback",
          [](const Result& r) {
            return std::any_of(r.classes.begin(), r.classes.end(),
                               [](const ClassResult& c) { return c.ppsm_fallback; });
          },
          "Whether no candidate of a class passed PPSM in the last pass, so that all were kept.")
      .def_property_readonly(
          "notes", [](const Result& r) { return r.notes; },
          "One line each: what a user should know about this result.")
      .def_property_readonly(
          "trace",
          [](const ResultPtr& r) -> std::optional<std::shared_ptr<Trace>> {
            if (!r->trace()) return std::nullopt;
            return part_of(r, *r->trace());
          },
          "Every intermediate of the only class, or the first, where it was asked for.")
      .def("coco", &coco_of, "file_name"_a, "categories"_a, "category_ids"_a, "image_id"_a,
           "annotation_id"_a, "tolerance"_a,
           "The JSON text of a COCO file of this image alone; see Result.to_coco. `annotation_id`\n"
           "is the first's. Masks are polygons where a tolerance says how near to their borders\n"
           "these run.")
      .def("labels", &labels_of,
           "(H, W) int32: 0 = background, i + 1 = instance i; a pixel of several masks goes to\n"
           "the highest score.")
      .def(
          "class_image",
          [](const Result& r) {
            cv::Mat classes;
            {
              py::gil_scoped_release nogil;
              classes = io::class_image(r);
            }
            return py::array_t<std::uint8_t>(array_of(std::move(classes)));
          },
          "(H, W) uint8: 0 = background, k + 1 = class k.")
      .def("csv", &io::to_csv,
           "A header line, then id,x,y,x0,y0,x1,y1,area,score,class,touches_border a line.")
      .def(py::pickle([](const Result& r) { return state_of(r); },
                      [](const py::tuple& state) { return result_from(state); }));
}

}  // namespace

void bind_result(py::module_& m) {
  bind_mask(m);
  bind_pass(m);
  bind_trace(m);
  bind_result_class(m);
  m.def(
      "write_coco",
      [](const std::filesystem::path& path, const std::string& file_name, const Result& result,
         const std::string& category) {
        py::gil_scoped_release nogil;
        io::write_coco(path, file_name, result, category);
      },
      "path"_a, "file_name"_a, "result"_a, "category"_a = "object",
      "Writes a COCO file of one image; the file is complete or absent. Several classes are named\n"
      "by their labels.");
  m.def(
      "write_labels",
      [](const std::filesystem::path& path, const Result& result) {
        py::gil_scoped_release nogil;
        io::write_labels_png(path, result);
      },
      "path"_a, "result"_a, "Writes labels() as a 16-bit grey PNG.");
}

}  // namespace persense::python
