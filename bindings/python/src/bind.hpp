// bind.hpp: what module.cpp calls, one function a file.
#pragma once

#include <pybind11/pybind11.h>

namespace persense::python {

void bind_drawing(pybind11::module_& m);
void bind_errors(pybind11::module_& m);
void bind_files(pybind11::module_& m);
void bind_images(pybind11::module_& m);
void bind_label(pybind11::module_& m);
void bind_options(pybind11::module_& m);
void bind_png(pybind11::module_& m);
void bind_result(pybind11::module_& m);
void bind_stages(pybind11::module_& m);
void bind_steps(pybind11::module_& m);
void bind_engine(pybind11::module_& m);

}  // namespace persense::python
