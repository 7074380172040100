// Images from files, results to files.
#include "arguments.hpp"
#include "handles.hpp"
#include "persense/io/coco.hpp"
#include "persense/io/figure.hpp"
#include "persense/io/images.hpp"
#include "persense/io/overlay.hpp"
#include "persense/io/tables.hpp"

using namespace persense;

persense_picture::persense_picture(cv::Mat from_file, persense_pixel_format format)
    : pixels(std::move(from_file)) {
  image.data = pixels.data;
  image.width = pixels.cols;
  image.height = pixels.rows;
  image.stride = static_cast<std::int64_t>(pixels.step);
  image.format = format;
}

persense_status persense_picture_read(const char* path, persense_picture** out) {
  return capi::guard([&] {
    auto& picture = capi::emptied(out, "out");
    picture = new persense_picture(io::read_image(capi::path_argument(path)).mat(), PERSENSE_RGB8);
  });
}

persense_status persense_picture_read_mask(const char* path, persense_picture** out) {
  return capi::guard([&] {
    auto& picture = capi::emptied(out, "out");
    picture = new persense_picture(io::read_mask(capi::path_argument(path)), PERSENSE_GRAY8);
  });
}

const persense_image* persense_picture_get_image(const persense_picture* picture) {
  return capi::guard_getter([&] { return &capi::required(picture, "picture").image; });
}

void persense_picture_free(persense_picture* picture) { delete picture; }

persense_status persense_result_write_labels(const persense_result* result, const char* path) {
  return capi::guard([&] {
    io::write_labels_png(capi::path_argument(path), capi::required(result, "result").result);
  });
}

persense_status persense_result_write_csv(const persense_result* result, const char* path) {
  return capi::guard(
      [&] { io::write_csv(capi::path_argument(path), capi::required(result, "result").result); });
}

persense_status persense_result_write_coco(const persense_result* result, const char* image_name,
                                           const char* category, const char* path) {
  return capi::guard([&] {
    io::write_coco(capi::path_argument(path), &capi::required(image_name, "image_name"),
                   capi::required(result, "result").result, capi::text_or(category, ""));
  });
}

persense_status persense_result_write_overlay(const persense_result* result,
                                              const persense_image* query, const char* path) {
  return capi::guard([&] {
    const Result& found = capi::required(result, "result").result;
    const auto rgb = capi::rgb_argument(query, "query image");
    io::write_png(capi::path_argument(path), io::render_overlay(rgb.view, found));
  });
}

persense_status persense_result_write_figure(const persense_result* result,
                                             const persense_image* query,
                                             const persense_image* support_image,
                                             const persense_image* support_mask, const char* path) {
  return capi::guard([&] {
    const Result& found = capi::required(result, "result").result;
    const auto rgb = capi::rgb_argument(query, "query image");
    const auto support = capi::rgb_argument(support_image, "support image");
    const MaskView mask = capi::mask_argument(support_mask, "support mask");
    io::write_png(capi::path_argument(path),
                  io::render_figure(rgb.view, support.view, mask, found));
  });
}
