// Files out.
#include "persense/io/files.hpp"

#include <pybind11/stl/filesystem.h>

#include <filesystem>
#include <string_view>

#include "bind.hpp"

namespace persense::python {

namespace py = pybind11;
using namespace py::literals;

namespace {

void write_file(const std::filesystem::path& path, const py::bytes& bytes) {
  const auto whole = bytes.cast<std::string_view>();
  py::gil_scoped_release nogil;
  io::write_file(path, whole);
}

}  // namespace

void bind_files(py::module_& m) {
  m.def("write_file", &write_file, "path"_a, "bytes"_a,
        "Writes a file that is complete, or as it was before.");
}

}  // namespace persense::python
