// Errors: every exception of the library becomes the class of the same name in persense.errors.
#include <new>
#include <opencv2/core.hpp>
#include <string>

#include "bind.hpp"
#include "persense/failure.hpp"

namespace persense::python {

namespace py = pybind11;

namespace {

void raise(const Failure& failure) {
  const std::string name =
      failure.code == ErrorCode::internal ? "InternalError" : name_of(failure.code);
  const py::object type = py::module_::import("persense.errors").attr(name.c_str());
  // the line may hold bytes of a path that are no UTF-8
  const auto text = py::reinterpret_steal<py::object>(PyUnicode_DecodeUTF8(
      failure.line.data(), static_cast<py::ssize_t>(failure.line.size()), "backslashreplace"));
  PyErr_SetObject(type.ptr(), text.ptr());
}

// What is not caught here is pybind11's or Python's own.
void translate(std::exception_ptr thrown) {
  if (!thrown) return;
  try {
    std::rethrow_exception(thrown);
  } catch (const Error&) {
    raise(persense::describe(thrown));
  } catch (const std::bad_alloc&) {
    raise(persense::describe(thrown));
  } catch (const cv::Exception&) {
    raise(persense::describe(thrown));
  }
}

}  // namespace

void bind_errors(py::module_&) { py::register_local_exception_translator(translate); }

}  // namespace persense::python
