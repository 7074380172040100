// The engine: a pipeline whose stages were chosen by name, its supports, its queries.
#include "persense/engine.hpp"

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>
#include <pybind11/typing.h>

#include <optional>
#include <string>

#include "arrays.hpp"
#include "bind.hpp"
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

// What happens before every step: Ctrl-C is looked at, and the caller's function is called. Without
// either there is nothing to take the GIL for.
std::function<void(Step)> step_callback(const py::object& progress) {
  if (progress.is_none() && !on_main_thread()) return {};
  return [&progress](Step step) {
    py::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (!progress.is_none()) progress(name_of(step));
  };
}

EngineSupport make_support(const Engine& engine, const py::object& image, const py::object& mask,
                           const std::string& label) {
  const Held<ImageView> pixels = image_argument(image, "image");
  const Held<MaskView> inside = mask_argument(mask, "mask");
  const ShownImage shown(pixels);
  py::gil_scoped_release nogil;
  return engine.support(pixels.view, inside.view, label);
}

std::shared_ptr<Result> segment(const Engine& engine, const EngineSupport& support,
                                const py::object& query, bool trace, const py::object& progress,
                                const std::optional<Stop>& stop) {
  const Held<ImageView> held = image_argument(query, "query");
  const ShownImage shown(held);
  RunOptions run;
  run.trace = trace;
  if (stop) run.stop = stop->source.get_token();
  run.on_step = step_callback(progress);
  py::gil_scoped_release nogil;
  return std::make_shared<Result>(engine.segment(support, held.view, run));
}

py::typing::Dict<py::str, py::object> inspect(const std::filesystem::path& archive) {
  torchscript::ArchiveInfo info;
  {
    py::gil_scoped_release nogil;
    info = Engine::inspect(archive);
  }
  const auto& [format, stage, name, input, output, text, encoder, prototype, dtype, upstream,
               sha256] = info.manifest;
  return py::dict(
      "stage"_a = torchscript::name_of(stage), "name"_a = name, "format"_a = format,
      "input"_a = py::dict("size"_a = input.size, "short_side"_a = input.short_side,
                           "long_side"_a = input.long_side, "mean"_a = input.mean,
                           "deviation"_a = input.deviation, "pad_multiple"_a = input.pad_multiple,
                           "exemplar_size"_a = input.exemplar_size),
      "output"_a = py::dict("channels"_a = output.channels, "stride"_a = output.stride,
                            "masks"_a = output.masks, "scale"_a = output.scale,
                            "queries"_a = output.queries),
      "text"_a = py::dict("vocabulary"_a = text.vocabulary, "max_tokens"_a = text.max_tokens),
      "encoder"_a = encoder, "prototype"_a = prototype, "dtype"_a = dtype, "upstream"_a = upstream,
      "sha256_weights"_a = sha256, "bytes"_a = info.bytes, "parts"_a = info.parts,
      "parameters"_a = info.parameters);
}

void bind_support(py::module_& m) {
  const auto info = [](auto field) {
    return [field](const EngineSupport& s) { return s.info().*field; };
  };
  using Info = EngineSupport::Info;
  py::class_<EngineSupport>(m, "Support", "A support example prepared by one engine.")
      .def_property_readonly(
          "size",
          [](const EngineSupport& s) {
            const Size size = s.info().image_size;
            return std::pair(size.width, size.height);
          },
          "(width, height) of the image.")
      .def_property_readonly(
          "box",
          [](const EngineSupport& s) {
            const PixelBox& b = s.info().box;
            return std::tuple(b.x0, b.y0, b.x1, b.y1);
          },
          "(x0, y0, x1, y1): the mask's tight box, half-open.")
      .def_property_readonly("diameter", info(&Info::diameter),
                             "Of the disc with the mask's area, pixels.")
      .def_property_readonly("label", info(&Info::label), "What the object is called.")
      .def_property_readonly("phrase", info(&Info::phrase), "\"all <plural>\".")
      .def_property_readonly("notes", info(&Info::notes), "What was done to the input.");
}

}  // namespace

void bind_engine(py::module_& m) {
  m.def("has_torch", &Engine::has_torch,
        "Whether this build can run networks: \"mini\" and archives.");
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
      .def("support", &make_support, "image"_a, "mask"_a, "label"_a = "",
           "Prepares a support example.")
      .def("segment", &segment, "support"_a, "query"_a, "trace"_a = false,
           "progress"_a = py::none(), "stop"_a = std::nullopt,
           "Finds every instance of the support object in a query image.");
}

}  // namespace persense::python
