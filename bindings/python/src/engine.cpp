// The engine: a pipeline whose stages were chosen by name, its supports, its queries.
#include "persense/engine.hpp"

#include <pybind11/stl.h>

#include <optional>
#include <string>

#include "arrays.hpp"
#include "bind.hpp"

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
  py::gil_scoped_release nogil;
  return engine.support(pixels.view, inside.view, label);
}

std::shared_ptr<Result> segment(const Engine& engine, const EngineSupport& support,
                                const py::object& query, bool trace, const py::object& progress,
                                const Stop* stop) {
  const Held<ImageView> held = image_argument(query, "query");
  RunOptions run;
  run.trace = trace;
  if (stop != nullptr) run.stop = stop->source.get_token();
  run.on_step = step_callback(progress);
  py::gil_scoped_release nogil;
  return std::make_shared<Result>(engine.segment(support, held.view, run));
}

void bind_stages(py::module_& m) {
  py::class_<Stages>(m, "Stages", "What fills the four slots of a pipeline.")
      .def(py::init<>())
      .def_static("in_folder", &Stages::in_folder, "folder"_a)
      .def("first_archive", &Stages::first_archive)
      .def("adapt", &Stages::adapt, "preset"_a, py::call_guard<py::gil_scoped_release>())
      .def_readwrite("encoder", &Stages::encoder)
      .def_readwrite("detector", &Stages::detector)
      .def_readwrite("dmg", &Stages::dmg)
      .def_readwrite("decoder", &Stages::decoder)
      .def_readwrite("device", &Stages::device)
      .def_readwrite("dtype", &Stages::dtype)
      .def_readwrite("threads", &Stages::threads);
}

void bind_support(py::module_& m) {
  const auto info = [](auto field) {
    return [field](const EngineSupport& s) { return s.info().*field; };
  };
  using Info = EngineSupport::Info;
  py::class_<EngineSupport>(m, "Support", "A support example prepared by one engine.")
      .def_property_readonly("size",
                             [](const EngineSupport& s) {
                               const Size size = s.info().image_size;
                               return py::make_tuple(size.width, size.height);
                             })
      .def_property_readonly("box",
                             [](const EngineSupport& s) {
                               const PixelBox& b = s.info().box;
                               return py::make_tuple(b.x0, b.y0, b.x1, b.y1);
                             })
      .def_property_readonly("diameter", info(&Info::diameter))
      .def_property_readonly("label", info(&Info::label))
      .def_property_readonly("phrase", info(&Info::phrase))
      .def_property_readonly("notes", info(&Info::notes));
}

}  // namespace

void bind_engine(py::module_& m) {
  m.def("has_torch", &Engine::has_torch, "Whether this build can load model archives.");
  py::class_<Stop>(m, "Stop", "Cancels the queries that were given it.")
      .def(py::init<>())
      .def("request", [](Stop& stop) { stop.source.request_stop(); });
  bind_stages(m);
  bind_support(m);
  py::class_<Engine>(m, "Engine", "A pipeline whose stages were chosen at run time.")
      .def(py::init<const Stages&, const Options&>(), "stages"_a, "options"_a,
           py::call_guard<py::gil_scoped_release>())
      .def_property_readonly("options", &Engine::options)
      .def("support", &make_support, "image"_a, "mask"_a, "label"_a = "")
      .def("segment", &segment, "support"_a, "query"_a, "trace"_a = false,
           "progress"_a = py::none(), "stop"_a = py::none());
}

}  // namespace persense::python
