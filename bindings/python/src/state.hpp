// state.hpp: results as tuples of plain Python values and arrays, for pickle, and back.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>

#include "persense/result.hpp"

namespace persense::python {

pybind11::tuple state_of(const Mask& mask);
pybind11::tuple state_of(const Result& result);

/// @throws pybind11::value_error  a tuple that state_of did not make.
std::shared_ptr<Mask> mask_from(const pybind11::tuple& state);
std::shared_ptr<Result> result_from(const pybind11::tuple& state);

}  // namespace persense::python
