// Images from files, results to files.
#include <memory>

#include "arguments.hpp"
#include "handles.hpp"
#include "log_notes.hpp"
#include "persense/io/coco.hpp"
#include "persense/io/figure.hpp"
#include "persense/io/images.hpp"
#include "persense/io/overlay.hpp"
#include "persense/io/tables.hpp"

using namespace persense;

persense_image_buffer::persense_image_buffer(cv::Mat from_file, persense_pixel_format format)
    : pixels(std::move(from_file)) {
  image.data = pixels.data;
  image.width = pixels.cols;
  image.height = pixels.rows;
  image.stride = static_cast<std::int64_t>(pixels.step);
  image.format = format;
}

persense_status persense_image_buffer_read(const char* path, persense_image_buffer** out) {
  return persense_image_buffer_read_as(path, nullptr, out);
}

void persense_read_options_init(persense_read_options* options, size_t struct_size) {
  capi::init_struct(options, struct_size);
}

persense_status persense_image_buffer_read_as(const char* path,
                                              const persense_read_options* options,
                                              persense_image_buffer** out) {
  return capi::guard([&] {
    auto& picture = capi::emptied(out, "out");
    const auto given = capi::read_struct(options, "read options", sizeof(persense_read_options));
    io::ReadOptions read;
    if (given.page != 0) read.page = given.page;
    if (given.windowed != 0) read.window = {given.window_low, given.window_high};
    const io::LoadedImage loaded = io::load_image(capi::path_argument(path), read);
    auto made = std::make_unique<persense_image_buffer>(loaded.image.mat(), PERSENSE_RGB8);
    made->info.page_count = loaded.page_count;
    if (loaded.window) {
      made->info.windowed = 1;
      made->info.window_low = loaded.window->low;
      made->info.window_high = loaded.window->high;
    }
    picture = made.release();
  });
}

const persense_image_buffer_info* persense_image_buffer_get_info(
    const persense_image_buffer* picture) {
  return capi::guard_getter([&] { return &capi::required(picture, "picture").info; });
}

persense_status persense_image_buffer_read_mask(const char* path, persense_image_buffer** out) {
  return capi::guard([&] {
    auto& picture = capi::emptied(out, "out");
    const io::MaskFile file = io::load_mask(capi::path_argument(path));
    picture = new persense_image_buffer(file.mask, PERSENSE_GRAY8);
    capi::log_notes(file.notes);
  });
}

const persense_image* persense_image_buffer_get_image(const persense_image_buffer* picture) {
  return capi::guard_getter([&] { return &capi::required(picture, "picture").image; });
}

void persense_image_buffer_free(persense_image_buffer* picture) { delete picture; }

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
