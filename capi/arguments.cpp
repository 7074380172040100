#include "arguments.hpp"

#include <limits>
#include <opencv2/imgproc.hpp>
#include <sstream>

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
  rgb.view = ImageView(rgb.converted.empty() ? pixels : rgb.converted);
  return rgb;
}

MaskView mask_argument(const persense_image* mask, const char* name) {
  const cv::Mat pixels = pixels_of(mask, name);
  if (pixels.channels() != 1)
    throw InvalidArgument(
        fmt::format("{}: format {}, expected GRAY8", name, format_of(*mask, name).name));
  return MaskView(pixels);
}

FloatMapView map_argument(const persense_map* given, const char* name) {
  const persense_map& map = required(given, name);
  const Size size = checked_size(map.width, map.height, name);
  require(map.data, fmt::format("{}: data", name).c_str());
  if (reinterpret_cast<std::uintptr_t>(map.data) % alignof(float) != 0)
    throw InvalidArgument(
        fmt::format("{}: data at an address that is not a multiple of {}", name, alignof(float)));
  const auto stride = checked_stride(map.stride, size, sizeof(float), sizeof(float), name);
  return Eigen::Map<const FloatMap, 0, Eigen::OuterStride<>>(
      map.data, size.height, size.width,
      Eigen::OuterStride<>(stride / std::ptrdiff_t{sizeof(float)}));
}

Options method_argument(const char* preset, const char* settings, const Stages& stages) {
  return stages.adapt(Options::preset(text_or(preset, "paper")), [settings](Options& options) {
    std::istringstream words(text_or(settings, ""));
    for (std::string setting; words >> setting;) apply_setting(options, setting, "settings");
  });
}

}  // namespace persense::capi
