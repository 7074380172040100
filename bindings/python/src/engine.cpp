// The engine: a pipeline whose stages were chosen by name, its supports, its queries.
#include "persense/engine.hpp"

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>
#include <pybind11/typing.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "arrays.hpp"
#include "bind.hpp"
#include "persense/detail/support_mask.hpp"
#include "stages.hpp"

namespace persense::python {

using namespace py::literals;

namespace {

// A stop source that Python can hold: requested once, seen by every query that was given it.
struct Stop {
  std::stop_source source;
};

// Python delivers signals to its main thread alone.
bool on_main_thread() {
  const py::module_ threading = py::module_::import("threading");
  return threading.attr("get_ident")().equal(threading.attr("main_thread")().attr("ident"));
}

// What happens before every step, and within long ones: Ctrl-C is looked at, and the caller's
// function is called. Without either there is nothing to take the GIL for.
void set_callbacks(RunOptions& run, const py::object& progress, const py::object& parts) {
  const bool interruptible = on_main_thread();
  if (interruptible || !progress.is_none())
    run.on_step = [&progress](Step step) {
      py::gil_scoped_acquire gil;
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
      if (!progress.is_none()) progress(name_of(step));
    };
  if (interruptible || !parts.is_none())
    run.on_progress = [&parts](Step step, double part) {
      py::gil_scoped_acquire gil;
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
      if (!parts.is_none()) parts(name_of(step), part);
    };
}

// Images by their arrays: an array that several examples have is held, and encoded, once.
class HeldImages {
 public:
  const Held<ImageView>& operator()(const py::handle& array) {
    for (const auto& [known, held] : held_)
      if (known == array.ptr()) return held;
    held_.emplace_back(array.ptr(), image_argument(array, "image"));
    return held_.back().second;
  }

  std::vector<const Held<ImageView>*> all() const {
    std::vector<const Held<ImageView>*> pointers;
    for (const auto& [array, held] : held_) pointers.push_back(&held);
    return pointers;
  }

 private:
  std::deque<std::pair<PyObject*, Held<ImageView>>> held_;  // where they stay
};

// What examples view, for the duration of a call.
struct HeldExamples {
  HeldImages images;
  std::vector<py::object> arrays;
  std::vector<Example> examples;

  // (image, kind, mark, negative)
  void add(const py::tuple& example) {
    const auto kind = example[1].cast<std::string>();
    std::variant<ImageView, EngineImage> image;
    if (py::isinstance<EngineImage>(example[0]))
      image = example[0].cast<EngineImage>();
    else
      image = images(example[0]).view;
    examples.push_back({std::move(image), mark(kind, example[2]), example[3].cast<bool>()});
  }

 private:
  Mark mark(const std::string& kind, const py::object& given) {
    if (kind == "box") return box_argument(given, "box");
    if (kind == "point") return point_argument(given, "point");
    if (kind == "polygon") return polygon_argument(given, "polygon");
    if (kind == "labels") {
      const auto pair = given.cast<std::pair<py::object, std::int32_t>>();
      Held<cv::Mat> labels = labels_argument(pair.first, "labels");
      arrays.push_back(labels.array);
      return LabelId{labels.view, pair.second};
    }
    Held<MaskView> inside = mask_argument(given, "mask");
    arrays.push_back(inside.array);
    return inside.view;
  }
};

using GivenExample = py::typing::Tuple<py::object, py::str, py::object, py::bool_>;

EngineSupport make_support(const Engine& engine, const py::typing::List<GivenExample>& given,
                           const std::string& label, const std::string& phrase) {
  HeldExamples held;
  for (const py::handle example : given) held.add(example.cast<py::tuple>());
  const ShownImages shown(held.images.all());
  py::gil_scoped_release nogil;
  return engine.support(held.examples, label, phrase);
}

EngineImage encode(const Engine& engine, const py::object& image) {
  const Held<ImageView> held = image_argument(image, "image");
  const ShownImages shown({&held});
  py::gil_scoped_release nogil;
  return engine.encode(held.view);
}

std::shared_ptr<Result> segment(const Engine& engine, const std::vector<EngineSupport>& classes,
                                const py::object& query, bool trace, const py::object& progress,
                                const py::object& parts, const std::optional<Stop>& stop,
                                const std::optional<Options>& filter, const py::object& region) {
  RunOptions run;
  run.trace = trace;
  if (stop) run.stop = stop->source.get_token();
  if (filter) run.filter = filter->filter;
  Held<MaskView> inside;
  if (!region.is_none()) {
    inside = mask_argument(region, "region");
    run.region = inside.view;
  }
  set_callbacks(run, progress, parts);
  if (py::isinstance<EngineImage>(query)) {
    const auto encoded = query.cast<EngineImage>();
    py::gil_scoped_release nogil;
    return std::make_shared<Result>(engine.segment(encoded, classes, run));
  }
  const Held<ImageView> held = image_argument(query, "query");
  const ShownImages shown({&held});
  py::gil_scoped_release nogil;
  return std::make_shared<Result>(engine.segment(classes, held.view, run));
}

py::typing::Dict<py::str, py::object> inspect(const std::filesystem::path& archive) {
  ArchiveInfo info;
  {
    py::gil_scoped_release nogil;
    info = Engine::inspect(archive);
  }
  const auto& [format, stage, name, input, output, text, calibration, encoder, prototype, dtype,
               upstream, sha256] = info.manifest;
  py::list scores;
  for (const auto& knot : calibration.scores) scores.append(py::make_tuple(knot.raw, knot.right));
  return py::dict(
      "stage"_a = name_of(stage), "name"_a = name, "format"_a = format,
      "input"_a = py::dict("size"_a = input.size, "short_side"_a = input.short_side,
                           "long_side"_a = input.long_side, "mean"_a = input.mean,
                           "deviation"_a = input.deviation, "pad_multiple"_a = input.pad_multiple,
                           "exemplar_size"_a = input.exemplar_size),
      "output"_a = py::dict("channels"_a = output.channels, "stride"_a = output.stride,
                            "masks"_a = output.masks, "scale"_a = output.scale,
                            "queries"_a = output.queries),
      "text"_a = py::dict("vocabulary"_a = text.vocabulary, "max_tokens"_a = text.max_tokens),
      "calibration"_a = py::dict("same"_a = calibration.same, "quality"_a = calibration.quality,
                                 "same_alone"_a = calibration.same_alone,
                                 "present"_a = calibration.present, "scores"_a = scores),
      "encoder"_a = encoder, "prototype"_a = prototype, "dtype"_a = dtype, "upstream"_a = upstream,
      "sha256_weights"_a = sha256, "bytes"_a = info.bytes, "parts"_a = info.parts,
      "parameters"_a = info.parameters);
}

std::pair<int, int> pair_of(Size size) { return {size.width, size.height}; }

using ExampleTuple = py::typing::Tuple<py::array_t<std::uint8_t>, py::array_t<bool>,
                                       py::typing::Tuple<py::int_, py::int_, py::int_, py::int_>,
                                       py::float_, py::bool_>;

// (image (H, W, 3), mask (H, W) bool, box, diameter, negative) of each example; those of one image
// share its array.
py::typing::List<ExampleTuple> examples_of(const EngineSupport& support, const py::object& self) {
  py::typing::List<ExampleTuple> examples;
  std::vector<std::pair<const std::uint8_t*, py::array>> images;
  for (const SupportExample& e : support.info().examples) {
    const cv::Mat& pixels = e.image.mat();
    auto known = std::find_if(images.begin(), images.end(),
                              [&](const auto& image) { return image.first == pixels.data; });
    if (known == images.end()) {
      images.emplace_back(pixels.data,
                          view_of<std::uint8_t>({pixels.rows, pixels.cols, 3}, pixels.data, self));
      known = images.end() - 1;
    }
    const PixelBox& b = e.mask.box;
    const py::array mask = array_of(to_frame(e.mask, e.image.size())).attr("astype")("bool");
    examples.append(py::make_tuple(known->second, mask, py::make_tuple(b.x0, b.y0, b.x1, b.y1),
                                   e.diameter, e.negative));
  }
  return examples;
}

void bind_support(py::module_& m) {
  const auto info = [](auto field) {
    return [field](const EngineSupport& s) { return s.info().*field; };
  };
  using Info = EngineSupport::Info;
  py::class_<EngineImage>(m, "EncodedImage", "An image that an engine encoded.")
      .def_property_readonly(
          "size", [](const EngineImage& image) { return pair_of(image.size()); },
          "(width, height).");
  py::class_<EngineSupport>(m, "Support", "Examples prepared by one engine.")
      .def_property_readonly(
          "size", [](const EngineSupport& s) { return pair_of(s.info().image_size); },
          "(width, height) of the image.")
      .def_property_readonly(
          "box",
          [](const EngineSupport& s) {
            const PixelBox& b = s.info().box;
            return std::tuple(b.x0, b.y0, b.x1, b.y1);
          },
          "(x0, y0, x1, y1): the first example's tight box, half-open.")
      .def_property_readonly("diameter", info(&Info::diameter),
                             "Of the disc with the mask's area, pixels; the median.")
      .def_property_readonly("label", info(&Info::label), "What the object is called.")
      .def_property_readonly("phrase", info(&Info::phrase), "\"all <plural>\".")
      .def_property_readonly("notes", info(&Info::notes), "What was done to the input.")
      .def_property_readonly(
          "examples",
          [](const py::object& self) {
            return examples_of(self.cast<const EngineSupport&>(), self);
          },
          "Each as (image, mask, box, diameter, negative).");
}

}  // namespace

void bind_engine(py::module_& m) {
  m.def("has_torch", &Engine::has_torch,
        "Whether this build can run archives, and \"mini\" on a GPU.");
#ifdef PERSENSE_TORCH_VERSION
  m.attr("torch_version") = PERSENSE_TORCH_VERSION;
#else
  m.attr("torch_version") = "";
#endif
  m.def("inspect", &inspect, "archive"_a,
        "What an archive says of itself, after all its checksums were computed.");
  py::class_<Stop>(m, "Stop", "Cancels the queries that were given it.")
      .def(py::init<>())
      .def(
          "request", [](Stop& stop) { stop.source.request_stop(); },
          "Ends them before their next step.");
  bind_support(m);
  py::class_<Engine>(m, "Engine", "A pipeline whose stages were chosen at run time.")
      .def(py::init<const Stages&, const Options&>(), "stages"_a, "options"_a,
           py::call_guard<py::gil_scoped_release>())
      .def_property_readonly("options", &Engine::options, "The options that it runs with.")
      .def_property_readonly("stages", &Engine::stages, "What fills each slot, in one line.")
      .def("encode", &encode, "image"_a, "Encodes an image for any number of supports.")
      .def("support", &make_support, "examples"_a, "label"_a = "", "phrase"_a = "",
           "Prepares examples, each (image or EncodedImage, kind, mark, negative), kind being one\n"
           "of mask, box, point, polygon and labels, the last with (labels, id).")
      .def("segment", &segment, "supports"_a, "query"_a, "trace"_a = false,
           "progress"_a = py::none(), "parts"_a = py::none(), "stop"_a = std::nullopt,
           "filter"_a = std::nullopt, "region"_a = py::none(),
           "Finds every instance of each support's object in a query, an array or EncodedImage.\n\n"
           "progress(step) is called before each step, parts(step, part) within long ones; of\n"
           "`filter`, the options under \"filter\" count.");
}

}  // namespace persense::python
