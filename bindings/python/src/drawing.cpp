// What the core draws beside a result's overlay: see images.cpp.
#include <pybind11/stl.h>

#include <optional>
#include <vector>

#include "arrays.hpp"
#include "bind.hpp"
#include "persense/detail/marks.hpp"
#include "persense/engine.hpp"
#include "persense/io/figure.hpp"
#include "persense/io/support_drawing.hpp"

namespace persense::python {

using namespace py::literals;

namespace {

using Pixels = py::array_t<std::uint8_t>;

Pixels filled(const py::object& outline, int width, int height) {
  const Polygon polygon = polygon_argument(outline, "polygon");
  persense::detail::check_vertices(polygon, "polygon");
  return array_of(persense::detail::filled(polygon, {width, height}));
}

Pixels figure(const Result& result, const py::object& image,
              const std::optional<EngineSupport>& support) {
  const Held<ImageView> query = image_argument(image, "image");
  cv::Mat picture;
  {
    py::gil_scoped_release nogil;
    std::span<const SupportExample> examples;
    if (support) examples = support->info().examples;
    picture = io::render_figure(query.view, examples, result);
  }
  return array_of(std::move(picture));
}

Pixels figure_of_mask(const Result& result, const py::object& image,
                      const py::object& support_image, const py::object& support_mask) {
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

std::vector<Pixels> support_overlays(const EngineSupport& support) {
  std::vector<cv::Mat> pictures;
  {
    py::gil_scoped_release nogil;
    pictures = io::render_support(support.info().examples, support.info().label);
  }
  std::vector<Pixels> arrays;
  for (cv::Mat& picture : pictures) arrays.push_back(array_of(std::move(picture)));
  return arrays;
}

}  // namespace

void bind_drawing(py::module_& m) {
  m.def("filled", &filled, "polygon"_a, "width"_a, "height"_a,
        "(height, width) uint8, 255 where a pixel's centre lies inside a closed polygon (even-odd\n"
        "rule): (N, 2) vertices x, y. Pixel (0, 0) covers 0 <= x < 1 and 0 <= y < 1.");
  m.def("figure", &figure, "result"_a, "image"_a, "support"_a = py::none(),
        "All steps of a result with a trace side by side, as the paper's figure 7: (H, W, 3)\n"
        "uint8, RGB, of a size that does not depend on the image's.");
  m.def("figure", &figure_of_mask, "result"_a, "image"_a, "support_image"_a, "support_mask"_a,
        "The same with one mask for all examples.");
  m.def("support_overlays", &support_overlays, "support"_a,
        "The examples drawn over their images, one (H, W, 3) uint8, RGB, for each image: what is\n"
        "looked for in green, negative examples in red.");
}

}  // namespace persense::python
