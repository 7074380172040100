// Images from files, and images of results.
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <filesystem>
#include <optional>
#include <utility>

#include "arrays.hpp"
#include "bind.hpp"
#include "persense/io/images.hpp"
#include "persense/io/overlay.hpp"

namespace persense::python {

using namespace py::literals;

namespace {

using Pixels = py::array_t<std::uint8_t>;

using WindowPair = std::pair<double, double>;

py::tuple load_image(const std::filesystem::path& path, int page,
                     std::optional<WindowPair> window) {
  io::ReadOptions options;
  options.page = page;
  if (window) options.window = {window->first, window->second};
  io::LoadedImage loaded;
  {
    py::gil_scoped_release nogil;
    loaded = io::load_image(path, options);
  }
  std::optional<WindowPair> used;
  if (loaded.window) used = {loaded.window->low, loaded.window->high};
  return py::make_tuple(array_of(loaded.image.mat()), loaded.page_count, used);
}

/// A view, to be read, of an array (H, W) or (H, W, 3) of bytes or doubles; empty of None.
cv::Mat mat_of(const py::object& array) {
  if (array.is_none()) return {};
  auto held = py::cast<py::array>(array);
  const int channels = held.ndim() == 3 ? static_cast<int>(held.shape(2)) : 1;
  const int depth = held.itemsize() == 1 ? CV_8U : CV_64F;
  return {static_cast<int>(held.shape(0)), static_cast<int>(held.shape(1)),
          CV_MAKETYPE(depth, channels), const_cast<void*>(held.data())};
}

py::tuple mask_of_pixels(const py::object& pixels, const py::object& alpha, bool lossy) {
  const cv::Mat values = mat_of(pixels), opacity = mat_of(alpha);
  io::MaskFile file;
  {
    py::gil_scoped_release nogil;
    file = io::mask_of_pixels(values, opacity, lossy);
  }
  return py::make_tuple(array_of(std::move(file.mask)), file.notes);
}

Pixels shape_of_pixels(const py::object& pixels, const py::object& alpha, bool lossy) {
  const cv::Mat values = mat_of(pixels), opacity = mat_of(alpha);
  cv::Mat shape;
  {
    py::gil_scoped_release nogil;
    shape = io::shape_of_pixels(values, opacity, lossy);
  }
  return array_of(std::move(shape));
}

py::tuple load_mask(const std::filesystem::path& path) {
  io::MaskFile file;
  {
    py::gil_scoped_release nogil;
    file = io::load_mask(path);
  }
  return py::make_tuple(array_of(std::move(file.mask)), file.notes);
}

Pixels read_mask(const std::filesystem::path& path) {
  cv::Mat pixels;
  {
    py::gil_scoped_release nogil;
    pixels = io::read_mask(path);
  }
  return array_of(std::move(pixels));
}

py::array_t<std::int32_t> read_labels(const std::filesystem::path& path) {
  cv::Mat labels;
  {
    py::gil_scoped_release nogil;
    labels = io::read_labels(path);
  }
  return array_of(std::move(labels));
}

Pixels overlay(const Result& result, const py::object& image, float fill, float line_width,
               bool numbers, bool points) {
  const Held<ImageView> held = image_argument(image, "image");
  cv::Mat picture;
  {
    py::gil_scoped_release nogil;
    picture = io::render_overlay(held.view, result, {fill, line_width, numbers, points});
  }
  return array_of(std::move(picture));
}

}  // namespace

void bind_images(py::module_& m) {
  m.def(
      "load_image", &load_image, "path"_a, "page"_a = 1, "window"_a = py::none(),
      "A page of an image file, deep pixels through a window (low, high): a tuple of the pixels,\n"
      "(H, W, 3) uint8, RGB, the number of pages, and the window, None for pixels of 8 bits.");
  m.def("load_mask", &load_mask, "path"_a,
        "The mask in a file that marks objects, and notes of what was taken: objects of a label\n"
        "image that touch are parted, a shape in the alpha channel is taken.");
  m.def("mask_of_pixels", &mask_of_pixels, "pixels"_a, "alpha"_a = py::none(), "lossy"_a = false,
        "The same of pixels (H, W) or (H, W, 3), contiguous uint8 or float64; alpha is of their "
        "type.");
  m.def("shape_of_pixels", &shape_of_pixels, "pixels"_a, "alpha"_a = py::none(), "lossy"_a = false,
        "The same without a look at what else they may be: (H, W) uint8, 0 or 255.");
  m.def("read_mask", &read_mask, "path"_a,
        "The mask in a file as (H, W) uint8, 0 or 255.\n\n"
        "Formats and orientation as in read_image. A pixel is inside when any colour channel is\n"
        "not zero; in JPEG and WebP, when it is above half of the image's maximum.");
  m.def("read_labels", &read_labels, "path"_a,
        "The label image in a file as (H, W) int32, 0 in the background: one grey channel of 8 or\n"
        "16 bits.");
  m.def("overlay", &overlay, "result"_a, "image"_a, "fill"_a = io::OverlayOptions{}.fill,
        "line_width"_a = io::OverlayOptions{}.line_width,
        "numbers"_a = io::OverlayOptions{}.numbers, "points"_a = io::OverlayOptions{}.points,
        "The instances drawn over their image: (H, W, 3) uint8, RGB.\n\n"
        "fill is the opacity inside an object; line_width is in pixels, 0 chooses it from the\n"
        "image's size; numbers are the instances' ids, points their prompts.");
}

}  // namespace persense::python
