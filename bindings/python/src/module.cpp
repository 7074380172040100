// persense._core: the compiled half of the Python package.
#include "bind.hpp"
#include "persense/version.hpp"

PYBIND11_MODULE(_core, m) {
  using namespace persense::python;
  m.doc() = "The compiled half of persense; use it through the package `persense`.";
  m.attr("__version__") = PERSENSE_VERSION;
  bind_errors(m);
  bind_options(m);
  bind_png(m);
  bind_result(m);
  bind_files(m);
  bind_images(m);
  bind_steps(m);
  bind_stages(m);
  bind_engine(m);
  bind_drawing(m);
  bind_label(m);
}
