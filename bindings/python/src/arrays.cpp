#include "arrays.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <opencv2/core.hpp>
#include <string>

namespace persense::python {

namespace {

std::string shape_text(const py::array& array) {
  return py::str(array.attr("shape")).cast<std::string>();
}

[[noreturn]] void refuse(const char* name, const py::handle& argument, const char* expected) {
  throw InvalidArgument(fmt::format("{}: got {}, expected {}", name, describe(argument), expected));
}

py::array array_or_refuse(const py::handle& argument, const char* name, const char* expected) {
  if (!py::isinstance<py::array>(argument)) refuse(name, argument, expected);
  return py::reinterpret_borrow<py::array>(argument);
}

// Views count pixels in int.
bool fits(const py::array& array) {
  for (py::ssize_t d = 0; d < array.ndim(); ++d)
    if (array.shape(d) == 0 || array.shape(d) > std::numeric_limits<int>::max()) return false;
  return true;
}

// A row's bytes one after the other, and rows from top to bottom that do not overlap.
bool has_plain_rows(const py::array& array) {
  const py::ssize_t row = array.shape(1) * (array.ndim() == 3 ? array.shape(2) : 1);
  const bool pixels = array.ndim() != 3 || array.strides(2) == 1;
  const py::ssize_t pixel = array.ndim() == 3 ? array.shape(2) : 1;
  return pixels && (array.shape(1) == 1 || array.strides(1) == pixel) &&
         (array.shape(0) == 1 || array.strides(0) >= row);
}

py::array in_c_order(const py::array& array) {
  return py::module_::import("numpy").attr("ascontiguousarray")(array).cast<py::array>();
}

template <class View>
View view_over(const py::array& array) {
  const auto* data = static_cast<const std::uint8_t*>(array.data());
  const auto rows = static_cast<int>(array.shape(0)), columns = static_cast<int>(array.shape(1));
  const py::ssize_t row = array.shape(1) * (array.ndim() == 3 ? 3 : 1);
  return View(data, rows, columns, rows == 1 ? row : array.strides(0));
}

template <class View>
Held<View> hold(py::array array) {
  if (!has_plain_rows(array)) array = in_c_order(array);
  Held<View> held{view_over<View>(array), {}, {}};
  held.array = std::move(array);
  return held;
}

Held<ImageView> replicate_grey(const py::array& array) {
  const Held<MaskView> grey = hold<MaskView>(array);
  Held<ImageView> held;
  const cv::Mat channels[] = {grey.view.mat(), grey.view.mat(), grey.view.mat()};
  cv::merge(channels, 3, held.copy);
  held.view = ImageView::of_rgb(held.copy);
  return held;
}

template <class T>
py::array_t<T> rows_argument(const py::handle& argument, const char* name, py::ssize_t columns,
                             const char* kinds, const char* expected) {
  const py::array array = py::array::ensure(argument);
  if (!array) {
    PyErr_Clear();
    refuse(name, argument, expected);
  }
  if (array.size() == 0) return py::array_t<T>(std::vector<py::ssize_t>{0, columns});
  if (array.ndim() != 2 || array.shape(1) != columns ||
      std::string_view(kinds).find(array.dtype().kind()) == std::string_view::npos)
    refuse(name, array, expected);
  return py::array_t<T, py::array::c_style | py::array::forcecast>::ensure(array);
}

/// A list or array of so many numbers.
std::vector<double> numbers_argument(const py::handle& argument, const char* name,
                                     py::ssize_t count, const char* expected) {
  const py::array array = py::array::ensure(argument);
  if (!array) {
    PyErr_Clear();
    refuse(name, argument, expected);
  }
  const bool numbers = std::string_view("fiu").find(array.dtype().kind()) != std::string_view::npos;
  if (array.ndim() != 1 || array.size() != count || !numbers) refuse(name, array, expected);
  const auto values = py::array_t<double, py::array::forcecast>::ensure(array);
  std::vector<double> copies;
  for (py::ssize_t i = 0; i < count; ++i) copies.push_back(values.at(i));
  return copies;
}

}  // namespace

std::string describe(const py::handle& argument) {
  if (!py::isinstance<py::array>(argument))
    return py::str(py::type::of(argument).attr("__name__")).cast<std::string>();
  const auto array = py::reinterpret_borrow<py::array>(argument);
  return fmt::format("{} of shape {}", py::str(array.dtype()).cast<std::string>(),
                     shape_text(array));
}

Held<ImageView> image_argument(const py::handle& argument, const char* name) {
  const char* const expected = "a uint8 array of shape (H, W, 3), RGB, or (H, W), grey";
  const py::array array = array_or_refuse(argument, name, expected);
  const bool shaped = array.ndim() == 2 || (array.ndim() == 3 && array.shape(2) == 3);
  if (!py::isinstance<py::array_t<std::uint8_t>>(array) || !shaped || !fits(array))
    refuse(name, array, expected);
  return array.ndim() == 2 ? replicate_grey(array) : hold<ImageView>(array);
}

Held<MaskView> mask_argument(const py::handle& argument, const char* name) {
  const char* const expected = "a bool or uint8 array of shape (H, W)";
  const py::array array = array_or_refuse(argument, name, expected);
  const bool typed =
      py::isinstance<py::array_t<std::uint8_t>>(array) || py::isinstance<py::array_t<bool>>(array);
  if (!typed || array.ndim() != 2 || !fits(array)) refuse(name, array, expected);
  return hold<MaskView>(array);
}

FloatMapView map_argument(const py::handle& argument, const char* name, py::object& keep) {
  const char* const expected = "a float32 or float64 array of shape (H, W)";
  const py::array array = array_or_refuse(argument, name, expected);
  const bool typed =
      py::isinstance<py::array_t<float>>(array) || py::isinstance<py::array_t<double>>(array);
  if (!typed || array.ndim() != 2 || !fits(array)) refuse(name, array, expected);
  const auto map = py::array_t<float, py::array::c_style | py::array::forcecast>::ensure(array);
  if (!map) throw py::error_already_set();
  keep = map;
  return Eigen::Map<const FloatMap, 0, Eigen::OuterStride<>>(map.data(), map.shape(0), map.shape(1),
                                                             Eigen::OuterStride<>(map.shape(1)));
}

std::vector<Box> boxes_argument(const py::handle& argument, const char* name) {
  const auto array =
      rows_argument<float>(argument, name, 4, "fiu", "numbers of shape (N, 4): x0, y0, x1, y1");
  const auto rows = array.unchecked<2>();
  std::vector<Box> boxes;
  for (py::ssize_t i = 0; i < rows.shape(0); ++i)
    boxes.push_back({rows(i, 0), rows(i, 1), rows(i, 2), rows(i, 3)});
  return boxes;
}

std::vector<Point> points_argument(const py::handle& argument, const char* name) {
  const auto array =
      rows_argument<std::int64_t>(argument, name, 2, "iu", "integers of shape (N, 2): x, y");
  const auto rows = array.unchecked<2>();
  const auto coordinate = [&](py::ssize_t i, py::ssize_t axis) {
    constexpr std::int64_t limit = std::numeric_limits<int>::max();
    const std::int64_t value = rows(i, axis);
    if (value < -limit || value > limit)
      throw InvalidArgument(fmt::format("{}: got {} in row {}, expected pixels", name, value, i));
    return static_cast<int>(value);
  };
  std::vector<Point> points;
  for (py::ssize_t i = 0; i < rows.shape(0); ++i)
    points.push_back({coordinate(i, 0), coordinate(i, 1)});
  return points;
}

Box box_argument(const py::handle& argument, const char* name) {
  const auto v = numbers_argument(argument, name, 4, "four numbers: x0, y0, x1, y1");
  return {static_cast<float>(v[0]), static_cast<float>(v[1]), static_cast<float>(v[2]),
          static_cast<float>(v[3])};
}

Point point_argument(const py::handle& argument, const char* name) {
  const auto v = numbers_argument(argument, name, 2, "two numbers: x, y");
  const auto pixel = [&](double value) {
    constexpr double limit = std::numeric_limits<int>::max();
    if (!(value > -limit && value < limit))
      throw InvalidArgument(fmt::format("{}: got {}, expected pixels", name, value));
    return static_cast<int>(std::floor(value));
  };
  return {pixel(v[0]), pixel(v[1])};
}

Polygon polygon_argument(const py::handle& argument, const char* name) {
  const auto array =
      rows_argument<float>(argument, name, 2, "fiu", "numbers of shape (N, 2): x, y");
  const auto rows = array.unchecked<2>();
  Polygon polygon;
  for (py::ssize_t i = 0; i < rows.shape(0); ++i)
    polygon.vertices.push_back({rows(i, 0), rows(i, 1)});
  return polygon;
}

Held<cv::Mat> labels_argument(const py::handle& argument, const char* name) {
  const char* const expected = "an int32 array of shape (H, W)";
  py::array array = array_or_refuse(argument, name, expected);
  if (!py::isinstance<py::array_t<std::int32_t>>(array) || array.ndim() != 2 || !fits(array))
    refuse(name, array, expected);
  array = in_c_order(array);
  Held<cv::Mat> held;
  held.view = cv::Mat(static_cast<int>(array.shape(0)), static_cast<int>(array.shape(1)), CV_32SC1,
                      const_cast<void*>(array.data()));
  held.array = std::move(array);
  return held;
}

py::array_t<float> view_of(const FloatMap& map, const py::object& owner) {
  return view_of<float>({map.rows(), map.cols()}, map.data(), owner);
}

py::array array_of(cv::Mat pixels) {
  auto owner = std::make_unique<cv::Mat>(std::move(pixels));
  const py::capsule capsule(owner.get(), [](void* p) { delete static_cast<cv::Mat*>(p); });
  const cv::Mat& mat = *owner.release();
  std::vector<py::ssize_t> shape{mat.rows, mat.cols};
  const py::dtype type =
      mat.depth() == CV_32S ? py::dtype::of<std::int32_t>() : py::dtype::of<std::uint8_t>();
  std::vector<py::ssize_t> strides{static_cast<py::ssize_t>(mat.step),
                                   static_cast<py::ssize_t>(mat.elemSize())};
  if (mat.channels() > 1) {
    shape.push_back(mat.channels());
    strides.push_back(static_cast<py::ssize_t>(mat.elemSize1()));
  }
  return py::array(type, std::move(shape), std::move(strides), mat.data, capsule);
}

py::array_t<float> array_of(std::span<const Box> boxes) {
  py::array_t<float> array(std::vector<py::ssize_t>{static_cast<py::ssize_t>(boxes.size()), 4});
  float* out = array.mutable_data();
  for (const Box& b : boxes)
    for (const float v : {b.x0, b.y0, b.x1, b.y1}) *out++ = v;
  return array;
}

py::array_t<int> array_of(std::span<const Point> points) {
  py::array_t<int> array(std::vector<py::ssize_t>{static_cast<py::ssize_t>(points.size()), 2});
  int* out = array.mutable_data();
  for (const Point p : points)
    for (const int v : {p.x, p.y}) *out++ = v;
  return array;
}

}  // namespace persense::python
