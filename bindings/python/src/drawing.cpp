// What figures are drawn with.
#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <opencv2/imgproc.hpp>
#include <span>
#include <tuple>
#include <vector>

#include "arrays.hpp"
#include "bind.hpp"
#include "io/drawing.hpp"
#include "io/outlines.hpp"
#include "persense/detail/marks.hpp"
#include "persense/error.hpp"

namespace persense::python {

using namespace py::literals;

namespace {

using Colors = py::array_t<std::uint8_t>;

py::array_t<std::uint8_t> filled(const py::object& outline, int width, int height) {
  const Polygon polygon = polygon_argument(outline, "polygon");
  persense::detail::check_vertices(polygon, "polygon");
  return array_of(persense::detail::filled(polygon, {width, height}));
}

std::vector<py::array_t<int>> outlines(const py::object& bits) {
  const Held<MaskView> held = mask_argument(bits, "bits");
  std::vector<py::array_t<int>> arrays;
  for (const io::detail::Ring& ring : io::detail::outlines(held.view))
    arrays.push_back(array_of(ring));
  return arrays;
}

std::tuple<int, int, float> innermost(const Mask& mask) {
  if (mask.empty()) throw InvalidArgument("mask: it is empty, expected pixels");
  const io::detail::Pole pole = io::detail::pole_of(mask);
  return {pole.center.x, pole.center.y, pole.radius - 0.5f};
}

/// (N, 3): R, G, B.
Colors array_of_colors(std::span<const io::detail::Color> colors) {
  Colors array(std::vector<py::ssize_t>{static_cast<py::ssize_t>(colors.size()), 3});
  std::uint8_t* out = array.mutable_data();
  for (const io::detail::Color& color : colors) out = std::copy_n(color.val, 3, out);
  return array;
}

Colors class_colors(std::size_t count) {
  std::vector<io::detail::Color> colors;
  for (const io::detail::Family& family : io::detail::class_families(count))
    colors.push_back(family.front());
  return array_of_colors(colors);
}

Colors neighbour_colors(const py::object& image, const std::vector<std::shared_ptr<Mask>>& masks) {
  const Held<ImageView> held = image_argument(image, "image");
  std::vector<Instance> instances;
  for (const auto& mask : masks) instances.push_back({*mask, {}, {}, 1});
  return array_of_colors(io::detail::choose_colors(held.view.mat(), instances));
}

py::array_t<float> blurred(const py::object& values, double sigma) {
  py::object keep;
  const FloatMapView map = map_argument(values, "values", keep);
  const int rows = static_cast<int>(map.rows()), columns = static_cast<int>(map.cols());
  py::array_t<float> out(std::vector<py::ssize_t>{rows, columns});
  const cv::Mat from(rows, columns, CV_32FC1, const_cast<float*>(map.data()));
  cv::Mat to(rows, columns, CV_32FC1, out.mutable_data());
  cv::GaussianBlur(from, to, {}, sigma, 0, cv::BORDER_CONSTANT);
  return out;
}

}  // namespace

void bind_drawing(py::module_& m) {
  m.def("filled", &filled, "polygon"_a, "width"_a, "height"_a,
        "(height, width) uint8, 255 where a pixel's centre lies inside a closed polygon (even-odd\n"
        "rule): (N, 2) vertices x, y. Pixel (0, 0) covers 0 <= x < 1 and 0 <= y < 1.");
  m.def(
      "outlines", &outlines, "bits"_a,
      "The borders of a bitmap (h, w) along the edges of its pixels, each (K, 2) corners x, y:\n"
      "outer ones of the 8-connected parts clockwise (as seen, y down), holes counter-clockwise.\n"
      "What is inside of all of them together is the bitmap.");
  m.def("innermost", &innermost, "mask"_a,
        "The centre of the largest disc inside a mask, a pixel (x, y), and the disc's radius.");
  m.def("class_colors", &class_colors, "count"_a,
        "The colour of each class in overlays: (count, 3) uint8, RGB.");
  m.def("neighbour_colors", &neighbour_colors, "image"_a, "masks"_a,
        "The colour of each object in an overlay of one class, (N, 3) uint8, RGB: far from those\n"
        "of its neighbours and from the image below it.");
  m.def("blurred", &blurred, "values"_a, "sigma"_a,
        "A map (h, w) after a Gaussian filter; beyond its edges lie zeros.");
}

}  // namespace persense::python
