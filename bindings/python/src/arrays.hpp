// arrays.hpp: NumPy arrays as the library's views, and the library's results as NumPy arrays.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <opencv2/core.hpp>
#include <span>
#include <utility>
#include <vector>

#include "persense/example.hpp"
#include "persense/image.hpp"
#include "persense/maps.hpp"
#include "persense/result.hpp"

namespace persense::python {

namespace py = pybind11;

/// What a caller handed over, as a view, and what keeps the view's memory alive. Made and destroyed
/// with the GIL held; the view may be read without it.
template <class View>
struct Held {
  View view;
  py::object array;  ///< the caller's array, or none where `copy` is what the view shows
  cv::Mat copy;
};

/// An image argument: uint8, (H, W, 3) RGB, or (H, W) grey, whose value becomes R, G and B. Rows of
/// contiguous pixels are used where they lie, whatever the stride from row to row; any other
/// layout, and grey, is copied once.
/// @throws InvalidArgument  naming the argument, for anything else, empty arrays included.
Held<ImageView> image_argument(const py::handle& array, const char* name);

/// A mask argument: bool or uint8, (H, W), non-zero = inside. Layouts and errors as above.
Held<MaskView> mask_argument(const py::handle& array, const char* name);

/// A two-dimensional float map: float32 in C order is used where it lies, other layouts are copied,
/// float64 is rounded to float32. `keep` holds what the view shows.
FloatMapView map_argument(const py::handle& array, const char* name, py::object& keep);

/// (N, 4) numbers x0, y0, x1, y1, and (N, 2) whole numbers x, y; copied, rounded to float32 where
/// they are finer. An empty array or list of any shape is N = 0.
std::vector<Box> boxes_argument(const py::handle& array, const char* name);
std::vector<Point> points_argument(const py::handle& array, const char* name);

/// Four numbers x0, y0, x1, y1; two numbers x, y, rounded down; and (N, 2) numbers x, y.
Box box_argument(const py::handle& numbers, const char* name);
Point point_argument(const py::handle& numbers, const char* name);
Polygon polygon_argument(const py::handle& array, const char* name);

/// A label image, int32 of shape (H, W): used where it lies when it is in C order.
Held<cv::Mat> labels_argument(const py::handle& array, const char* name);

/// "float64 array of shape (3, 4)", or the type's name: how arguments are described in messages.
std::string describe(const py::handle& argument);

/// A read-only array over memory that `owner` keeps alive.
template <class T>
py::array_t<T> view_of(std::vector<py::ssize_t> shape, const T* data, const py::object& owner) {
  py::array_t<T> array(std::move(shape), data, owner);
  py::detail::array_proxy(array.ptr())->flags &= ~py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
  return array;
}
py::array_t<float> view_of(const FloatMap& map, const py::object& owner);

/// A matrix of 8-bit channels or 32-bit integers as an array that owns it.
py::array array_of(cv::Mat pixels);

py::array_t<float> array_of(std::span<const Box> boxes);   ///< (N, 4) x0, y0, x1, y1
py::array_t<int> array_of(std::span<const Point> points);  ///< (N, 2) x, y

}  // namespace persense::python
