#include "arguments.hpp"

#include <limits>
#include <opencv2/imgproc.hpp>
#include <sstream>

#include "persense/option_table.hpp"

namespace persense::capi {

namespace {

struct Format {
  const char* name;
  int channels;
  int to_rgb;  // cv::cvtColor's code
};
constexpr int as_it_is = -1;
constexpr Format formats[] = {{"RGB8", 3, as_it_is},
                              {"BGR8", 3, cv::COLOR_BGR2RGB},
                              {"GRAY8", 1, cv::COLOR_GRAY2RGB},
                              {"RGBA8", 4, cv::COLOR_RGBA2RGB},
                              {"BGRA8", 4, cv::COLOR_BGRA2RGB}};
static_assert(std::size(formats) == PERSENSE_BGRA8 + 1);

const Format& format_of(const persense_image& image, const char* name) {
  if (image.format >= 0 && image.format < static_cast<int>(std::size(formats)))
    return formats[image.format];
  throw InvalidArgument(
      fmt::format("{}: format {}, expected one of persense_pixel_format (0 to {})", name,
                  image.format, std::size(formats) - 1));
}

/// Pixels as they lie, in their own format.
cv::Mat pixels_of(const persense_image* given, const char* name) {
  const persense_image& image = required(given, name);
  const Format& format = format_of(image, name);
  const Size size = checked_size(image.width, image.height, name);
  require(image.data, fmt::format("{}: data", name).c_str());
  const auto stride = checked_stride(image.stride, size, format.channels, 1, name);
  return cv::Mat(size.height, size.width, CV_8UC(format.channels),
                 const_cast<std::uint8_t*>(image.data), static_cast<std::size_t>(stride));
}

void require_aligned(const void* address, std::size_t bytes, const char* what, const char* name) {
  if (reinterpret_cast<std::uintptr_t>(address) % bytes != 0)
    throw InvalidArgument(
        fmt::format("{}: {} at an address that is not a multiple of {}", name, what, bytes));
}

}  // namespace

Size checked_size(int width, int height, const char* name) {
  const Size size{width, height};
  if (width < 1 || height < 1)
    throw InvalidArgument(
        fmt::format("{}: size {}, expected at least 1 x 1", name, to_string(size)));
  if (size.pixels() > std::numeric_limits<std::int32_t>::max())
    throw InvalidArgument(
        fmt::format("{}: size {}, expected at most 2^31 - 1 pixels", name, to_string(size)));
  return size;
}

std::ptrdiff_t checked_stride(std::int64_t stride, Size size, std::int64_t pixel_bytes,
                              std::int64_t element, const char* name) {
  const std::int64_t row = size.width * pixel_bytes;
  if (stride == 0) return row;
  if (stride < row)
    throw InvalidArgument(fmt::format("{}: stride of {} bytes, expected at least {} for {} pixels",
                                      name, stride, row, size.width));
  if (stride % element != 0)
    throw InvalidArgument(
        fmt::format("{}: stride of {} bytes, expected a multiple of {}", name, stride, element));
  if (stride > std::numeric_limits<std::ptrdiff_t>::max() / size.height)
    throw InvalidArgument(fmt::format("{}: stride of {} bytes x {} rows is more than memory", name,
                                      stride, size.height));
  return stride;
}

std::string path_argument(const char* path) {
  require(path, "path");
  if (*path == '\0') throw InvalidArgument("path: got an empty text, expected the name of a file");
  return path;
}

RgbArgument rgb_argument(const persense_image* image, const char* name) {
  RgbArgument rgb;
  const cv::Mat pixels = pixels_of(image, name);
  if (const int code = format_of(*image, name).to_rgb; code != as_it_is)
    cv::cvtColor(pixels, rgb.converted, code);
  rgb.view = ImageView::of_rgb(rgb.converted.empty() ? pixels : rgb.converted);
  return rgb;
}

MaskView mask_argument(const persense_image* mask, const char* name) {
  const cv::Mat pixels = pixels_of(mask, name);
  if (pixels.channels() != 1)
    throw InvalidArgument(
        fmt::format("{}: format {}, expected GRAY8", name, format_of(*mask, name).name));
  return MaskView(pixels);
}

cv::Mat memory_argument(void* memory, std::size_t byte_count, std::int64_t given_stride, Size size,
                        int type, const char* name) {
  const auto bytes = static_cast<std::int64_t>(CV_ELEM_SIZE(type));
  require(memory, name);
  const auto stride = checked_stride(given_stride, size, bytes, bytes, name);
  const std::int64_t needed = (size.height - 1) * stride + size.width * bytes;
  if (byte_count < static_cast<std::size_t>(needed))
    throw InvalidArgument(
        fmt::format("{}: memory of {} bytes, expected at least {} for {} pixels of {} bytes, "
                    "{} bytes from row to row",
                    name, byte_count, needed, to_string(size), bytes, stride));
  require_aligned(memory, static_cast<std::size_t>(bytes), "memory", name);
  return cv::Mat(size.height, size.width, type, memory, static_cast<std::size_t>(stride));
}

cv::Mat labels_argument(const persense_label_image* given, const char* name) {
  const persense_label_image& labels = required(given, name);
  const Size size = checked_size(labels.width, labels.height, name);
  require(labels.data, fmt::format("{}: data", name).c_str());
  constexpr std::size_t bytes = sizeof *labels.data;
  require_aligned(labels.data, bytes, "data", name);
  const auto stride = checked_stride(labels.stride, size, bytes, bytes, name);
  return cv::Mat(size.height, size.width, CV_32SC1, const_cast<std::int32_t*>(labels.data),
                 static_cast<std::size_t>(stride));
}

FloatMapView map_argument(const persense_map* given, const char* name) {
  const persense_map& map = required(given, name);
  const Size size = checked_size(map.width, map.height, name);
  require(map.data, fmt::format("{}: data", name).c_str());
  require_aligned(map.data, alignof(float), "data", name);
  const auto stride = checked_stride(map.stride, size, sizeof(float), sizeof(float), name);
  return Eigen::Map<const FloatMap, 0, Eigen::OuterStride<>>(
      map.data, size.height, size.width,
      Eigen::OuterStride<>(stride / std::ptrdiff_t{sizeof(float)}));
}

Options method_argument(const char* preset, const char* settings, const Stages& stages,
                        const io::Settings& of_file) {
  return stages.adapt(Options::preset(text_or(preset, "paper")), [&](Options& options) {
    io::apply(options, of_file);
    std::istringstream words(text_or(settings, ""));
    for (std::string setting; words >> setting;) apply_setting(options, setting, "settings");
  });
}

}  // namespace persense::capi
