// PNG in memory, for notebooks.
#include <opencv2/imgproc.hpp>
#include <vector>

#include "arrays.hpp"
#include "bind.hpp"
#include "persense/io/images.hpp"

namespace persense::python {

using namespace py::literals;

namespace {

/// No side longer than `side` pixels; 0 = as it is.
cv::Mat reduced(const cv::Mat& pixels, int side) {
  const int longest = std::max(pixels.rows, pixels.cols);
  if (side <= 0 || longest <= side) return pixels;
  const double zoom = static_cast<double>(side) / longest;
  cv::Mat small;
  cv::resize(pixels, small,
             {std::max(1, cvRound(pixels.cols * zoom)), std::max(1, cvRound(pixels.rows * zoom))},
             0, 0, cv::INTER_AREA);
  return small;
}

py::bytes encode_png(const py::array& pixels, int side) {
  std::vector<std::uint8_t> png;
  if (pixels.ndim() == 3) {
    const Held<ImageView> held = image_argument(pixels, "pixels");
    py::gil_scoped_release nogil;
    png = io::encode_png(reduced(held.view.mat(), side));
  } else {
    const Held<MaskView> held = mask_argument(pixels, "pixels");
    py::gil_scoped_release nogil;
    png = io::encode_png(reduced(held.view.mat(), side));
  }
  return {reinterpret_cast<const char*>(png.data()), png.size()};
}

}  // namespace

void bind_png(py::module_& m) {
  m.def("encode_png", &encode_png, "pixels"_a, "side"_a = 0,
        "(H, W, 3) RGB or (H, W) grey, uint8, as the bytes of a PNG file; where a side is longer\n"
        "than `side`, reduced to it.");
}

}  // namespace persense::python
