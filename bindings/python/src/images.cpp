// Images from files, and images of results.
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <filesystem>
#include <optional>
#include <utility>

#include "arrays.hpp"
#include "bind.hpp"
#include "persense/io/figure.hpp"
#include "persense/io/images.hpp"
#include "persense/io/overlay.hpp"

namespace persense::python {

using namespace py::literals;

namespace {

using Pixels = py::array_t<std::uint8_t>;

Pixels read_image(const std::filesystem::path& path) {
  cv::Mat pixels;
  {
    py::gil_scoped_release nogil;
    pixels = io::read_image(path).mat();
  }
  return array_of(std::move(pixels));
}

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

Pixels figure(const Result& result, const py::object& image, const py::object& support_image,
              const py::object& support_mask) {
  const Held<ImageView> query = image_argument(image, "image");
  const Held<ImageView> support = image_argument(support_image, "support_image");
  const Held<MaskView> mask = mask_argument(support_mask, "support_mask");
  cv::Mat picture;
  {
    py::gil_scoped_release nogil;
    picture = io::render_figure(query.view, support.view, mask.view, result);
  }
  return array_of(std::move(picture));
}

}  // namespace

void bind_images(py::module_& m) {
  m.def("read_image", &read_image, "path"_a,
        "The image in a file as (H, W, 3) uint8, RGB.\n\n"
        "PNG, JPEG, TIFF (first page), WebP or BMP. EXIF orientation is applied; what is\n"
        "transparent is seen over white. Deep pixels go through the window of their own 0.1st and\n"
        "99.9th percentile.");
  m.def("load_image", &load_image, "path"_a, "page"_a = 1, "window"_a = py::none(),
        "The same of a page, through a window (low, high) of deep pixels: a tuple of the pixels,\n"
        "the number of pages, and the window, None for pixels of 8 bits.");
  m.def("load_mask", &load_mask, "path"_a,
        "The mask in a file that marks objects, and notes of what was taken: objects of a label\n"
        "image that touch are parted, a shape in the alpha channel is taken.");
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
  m.def("figure", &figure, "result"_a, "image"_a, "support_image"_a, "support_mask"_a,
        "All steps of a result with a trace side by side, as the paper's figure 7: (H, W, 3)\n"
        "uint8, RGB, of a size that does not depend on the image's.");
}

}  // namespace persense::python
