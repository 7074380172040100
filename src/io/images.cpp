#include "persense/io/images.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <numeric>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "container.hpp"
#include "image_bytes.hpp"
#include "persense/io/files.hpp"
#include "tiff.hpp"
#include "window.hpp"

namespace persense::io {

namespace {

struct Decoded {
  cv::Mat pixels;              // R, G, B where there are three channels
  cv::Mat alpha;               // of the same depth; empty: every pixel is opaque
  bool premultiplied = false;  // the colours are times alpha
  bool lossy = false;          // compression leaves noise
};

/// What the pixels are wanted for.
enum class Use {
  picture,  // three channels, the way up that is shown
  labels    // as they are stored
};

/// EXIF orientations 2 to 8: what has to be done to a stored image before it is shown.
void orient(cv::Mat& pixels, int orientation) {
  if (orientation >= 5) cv::transpose(pixels, pixels);
  switch (orientation) {
    case 2:
    case 6:
      cv::flip(pixels, pixels, 1);
      break;
    case 3:
    case 7:
      cv::flip(pixels, pixels, -1);
      break;
    case 4:
    case 8:
      cv::flip(pixels, pixels, 0);
      break;
    default:
      break;
  }
}

/// What OpenCV makes of a file's bytes.
cv::Mat opencv_decode(const std::vector<std::uint8_t>& bytes, const std::filesystem::path& path,
                      int flags) {
  cv::Mat pixels;
  try {
    pixels = cv::imdecode(bytes, flags);
  } catch (const cv::Exception& e) {
    if (e.code == cv::Error::StsNoMem)
      throw OutOfMemory(fmt::format("{}: out of memory for its pixels", path.string()));
    if (e.err.find("CV_IO_MAX_IMAGE") != std::string::npos)
      throw Unreadable(
          fmt::format("{}: larger than OpenCV reads; its environment variables "
                      "OPENCV_IO_MAX_IMAGE_PIXELS, _WIDTH and _HEIGHT raise the limit",
                      path.string()));
    throw Unreadable(fmt::format("{}: cannot be decoded ({})", path.string(), e.err));
  }
  if (pixels.empty())
    throw Unreadable(
        fmt::format("{}: cannot be decoded, the image's data is damaged", path.string()));
  if (pixels.channels() == 3) cv::cvtColor(pixels, pixels, cv::COLOR_BGR2RGB);
  return pixels;
}

/// Number for "wholly opaque" at a depth.
double opaque_at(const cv::Mat& alpha) {
  if (alpha.depth() == CV_8U) return 255;
  return alpha.depth() == CV_16U ? 65535 : 1;
}

/// Moves the fourth channel of what OpenCV decoded into a matrix of its own.
void take_alpha(Decoded& decoded) {
  if (decoded.pixels.channels() != 4) return;
  cv::extractChannel(decoded.pixels, decoded.alpha, 3);
  cv::cvtColor(decoded.pixels, decoded.pixels, cv::COLOR_BGRA2RGB);
}

Decoded decode_tiff(const std::vector<std::uint8_t>& bytes, const std::filesystem::path& path,
                    Use use, int page, int& orientation) {
  const auto values = use == Use::labels ? detail::GreyValues::numbers : detail::GreyValues::light;
  detail::Tiff tiff = detail::read_tiff(bytes, path, values, page);
  orientation = tiff.orientation;
  return {std::move(tiff.pixels), std::move(tiff.alpha), tiff.premultiplied, tiff.lossy};
}

/// @param path   for messages.
/// @param pages  gets the number of pages, unless null.
Decoded decode(std::vector<std::uint8_t> bytes, const std::filesystem::path& path, Use use,
               int page = 1, int* pages = nullptr) {
  const auto container = detail::check_container(bytes, path);
  Decoded decoded;
  int orientation = container.orientation;
  if (container.format == detail::Format::tiff) {
    if (pages != nullptr) *pages = detail::count_tiff_pages(bytes, path);
    decoded = decode_tiff(bytes, path, use, page, orientation);
  } else {
    if (page != 1)
      throw Unreadable(fmt::format("{}: page {}: the file has one page", path.string(), page));
    if (container.format == detail::Format::png) detail::drop_remarks(bytes);
    const bool as_stored = use == Use::labels || container.has_alpha;
    decoded.pixels = opencv_decode(
        bytes, path, as_stored ? cv::IMREAD_UNCHANGED : cv::IMREAD_COLOR | cv::IMREAD_ANYDEPTH);
    if (use != Use::labels) take_alpha(decoded);
    decoded.lossy =
        container.format == detail::Format::jpeg || container.format == detail::Format::webp;
  }
  if (use == Use::labels) return decoded;
  if (decoded.pixels.channels() == 1) {  // cvtColor knows no doubles
    const cv::Mat grey = decoded.pixels;
    cv::merge(std::vector<cv::Mat>{grey, grey, grey}, decoded.pixels);
  }
  // where nothing is opaque, the writer did not mean it
  if (!decoded.alpha.empty() && cv::countNonZero(decoded.alpha) == 0) decoded.alpha.release();
  orient(decoded.pixels, orientation);
  if (!decoded.alpha.empty()) orient(decoded.alpha, orientation);
  return decoded;
}

/// Divides the colours by alpha where they were multiplied by it.
void unmultiply(Decoded& decoded) {
  if (!decoded.premultiplied) return;
  cv::Mat colors, factor;
  const int type = decoded.pixels.type();
  decoded.alpha.convertTo(factor, CV_64F);
  factor = opaque_at(decoded.alpha) / cv::max(factor, 1e-9);
  factor.setTo(1, decoded.alpha == 0);
  cv::cvtColor(cv::Mat_<float>(factor), factor, cv::COLOR_GRAY2RGB);
  decoded.pixels.convertTo(colors, CV_32F);
  cv::Mat(colors.mul(factor)).convertTo(decoded.pixels, type);
}

/// The pixels that are seen, in one row: what hides under transparency says nothing.
cv::Mat seen_pixels(const Decoded& decoded) {
  if (decoded.alpha.empty()) return decoded.pixels;
  cv::Mat places;
  cv::findNonZero(decoded.alpha != 0, places);
  cv::Mat seen(1, places.rows, decoded.pixels.type());
  for (int i = 0; i < places.rows; ++i) {
    const auto p = places.at<cv::Point>(i);
    std::copy_n(decoded.pixels.ptr(p.y, p.x), seen.elemSize(), seen.ptr(0, i));
  }
  return seen;
}

/// Pixels of 8 bits, as they look on white paper.
void blend_over_white(cv::Mat& pixels, const cv::Mat& alpha) {
  if (alpha.empty()) return;
  cv::Mat part;
  alpha.convertTo(part, CV_32F, 1 / opaque_at(alpha));
  for (int y = 0; y < pixels.rows; ++y)
    for (int x = 0; x < pixels.cols; ++x) {
      const float a = std::clamp(part.at<float>(y, x), 0.0f, 1.0f);
      auto& pixel = pixels.at<cv::Vec3b>(y, x);
      for (int c = 0; c < 3; ++c)
        pixel[c] =
            cv::saturate_cast<std::uint8_t>(a * static_cast<float>(pixel[c]) + (1 - a) * 255);
    }
}

/// @param name  of what is written, for errors.
std::vector<std::uint8_t> encoded_png(const cv::Mat& pixels, const std::string& name) {
  if (pixels.empty() ||
      (pixels.type() != CV_8UC3 && pixels.type() != CV_8UC1 && pixels.type() != CV_16UC1))
    throw InvalidArgument(
        fmt::format("{}: {} channels of {} bytes, {} rows, {} columns; expected an image of 3 x "
                    "uint8, uint8 or uint16",
                    name, pixels.channels(), pixels.elemSize1(), pixels.rows, pixels.cols));
  cv::Mat bgr;  // a matrix of its own: a copy of the header would be converted in place
  if (pixels.type() == CV_8UC3) cv::cvtColor(pixels, bgr, cv::COLOR_RGB2BGR);
  std::vector<std::uint8_t> bytes;
  try {
    cv::imencode(".png", bgr.empty() ? pixels : bgr, bytes);
  } catch (const cv::Exception& e) {
    throw Unwritable(fmt::format("{}: cannot be encoded as PNG ({})", name, e.err));
  }
  return bytes;
}

}  // namespace

LoadedImage detail::load_image(std::vector<std::uint8_t> bytes, const std::string& name,
                               const ReadOptions& options) {
  if (options.page < 1)
    throw InvalidArgument(fmt::format("page: got {}, expected 1 or more", options.page));
  if (options.window && !(options.window->low < options.window->high))
    throw InvalidArgument(
        fmt::format("window: got {} to {}, expected two numbers, the first below "
                    "the second",
                    options.window->low, options.window->high));
  LoadedImage loaded;
  Decoded decoded = decode(std::move(bytes), name, Use::picture, options.page, &loaded.page_count);
  if (!decoded.alpha.empty()) unmultiply(decoded);
  if (decoded.pixels.depth() != CV_8U) {
    loaded.window =
        options.window ? *options.window : detail::percentile_window(seen_pixels(decoded));
    decoded.pixels = detail::through_window(decoded.pixels, *loaded.window);
  }
  blend_over_white(decoded.pixels, decoded.alpha);
  loaded.image = Image::from_rgb(std::move(decoded.pixels));
  return loaded;
}

Size size_of_image(std::vector<std::uint8_t> bytes, const std::string& name) {
  const cv::Mat pixels = decode(std::move(bytes), name, Use::picture).pixels;
  return {pixels.cols, pixels.rows};
}

namespace {

/// @param name  of what is written, for errors.
std::vector<std::uint8_t> encoded_tiff(const cv::Mat& rgb, const std::string& name) {
  cv::Mat bgr;
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  std::vector<std::uint8_t> bytes;
  try {
    cv::imencode(".tif", bgr, bytes);
  } catch (const cv::Exception& e) {
    throw Unwritable(fmt::format("{}: cannot be encoded as TIFF ({})", name, e.err));
  }
  return bytes;
}

}  // namespace

ImageFile image_beside_masks(std::vector<std::uint8_t> bytes, const std::string& name) {
  switch (detail::check_container(bytes, name).format) {
    case detail::Format::jpeg:
      return {".jpg", std::move(bytes)};
    case detail::Format::tiff:
      return {".tif", std::move(bytes)};
    case detail::Format::webp:
      return {".webp", std::move(bytes)};
    case detail::Format::bmp:
      return {".bmp", std::move(bytes)};
    case detail::Format::png:
      break;
  }
  const Decoded decoded = decode(bytes, name, Use::picture);
  if (decoded.alpha.empty()) return {".tif", encoded_tiff(decoded.pixels, name)};
  const Image seen = detail::load_image(std::move(bytes), name, {}).image;
  return {".tif", encoded_tiff(seen.mat(), name)};
}

LoadedImage load_image(const std::filesystem::path& path, const ReadOptions& options) {
  return detail::load_image(read_file(path), path.string(), options);
}

Image read_image(const std::filesystem::path& path, const ReadOptions& options) {
  return load_image(path, options).image;
}

int page_count(const std::filesystem::path& path) {
  const auto bytes = read_file(path);
  const bool is_tiff = detail::check_container(bytes, path).format == detail::Format::tiff;
  return is_tiff ? detail::count_tiff_pages(bytes, path) : 1;
}

bool may_be_deep(const std::filesystem::path& path) {
  constexpr std::size_t depth_at = 24;  // of a PNG, bits of a sample
  std::array<char, depth_at + 1> first{};
  std::ifstream file(path, std::ios::binary);
  if (!file.read(first.data(), first.size())) return false;
  const std::string_view bytes(first.data(), first.size());
  if (bytes.substr(1, 3) == "PNG") return bytes[depth_at] == 16;
  return bytes.starts_with("II") || bytes.starts_with("MM");
}

MaskFile load_mask(const std::filesystem::path& path) {
  const Decoded decoded = decode(read_file(path), path, Use::picture);
  try {
    return mask_of_pixels(decoded.pixels, decoded.alpha, decoded.lossy);
  } catch (const InvalidArgument& e) {
    throw InvalidArgument(fmt::format("{}: {}", path.string(), e.what()));
  }
}

cv::Mat read_mask(const std::filesystem::path& path) {
  const Decoded decoded = decode(read_file(path), path, Use::picture);
  return shape_of_pixels(decoded.pixels, decoded.alpha, decoded.lossy);
}

cv::Mat read_labels(const std::filesystem::path& path) {
  const Decoded decoded = decode(read_file(path), path, Use::labels);
  const cv::Mat& pixels = decoded.pixels;
  if (decoded.lossy)
    throw Unreadable(
        fmt::format("{}: a lossy format cannot hold labels, expected PNG or TIFF", path.string()));
  if (pixels.channels() != 1)
    throw Unreadable(fmt::format("{}: {} channels, expected labels in one grey channel",
                                 path.string(), pixels.channels()));
  cv::Mat labels;
  pixels.convertTo(labels, CV_32S);
  if (pixels.depth() == CV_8U || pixels.depth() == CV_16U) return labels;
  cv::Mat again;
  labels.convertTo(again, pixels.depth());
  double least = 0;
  cv::minMaxLoc(labels, &least);
  if (least < 0 || cv::countNonZero(again != pixels) > 0)
    throw Unreadable(
        fmt::format("{}: holds numbers that are no labels, expected whole ones from 0 to 2^31 - 1",
                    path.string()));
  return labels;
}

void paint_labels(std::span<const Instance> instances, cv::Mat& labels) {
  if (labels.type() != CV_32SC1)
    throw InvalidArgument(
        fmt::format("label image: got {} channels of {} bytes, expected 1 x int32",
                    labels.channels(), labels.elemSize1()));
  labels = 0;
  std::vector<std::size_t> order(instances.size());
  std::iota(order.rbegin(), order.rend(), std::size_t{0});
  // painted last, seen: low scores first, and among equals the later instance first
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return instances[a].score < instances[b].score;
  });
  for (const std::size_t i : order) {
    const Mask& mask = instances[i].mask;
    const PixelBox box = intersection(mask.box, {0, 0, labels.cols, labels.rows});
    for (int y = box.y0; y < box.y1; ++y) {
      const std::uint8_t* bits = mask.row(y) - mask.box.x0;
      int* row = labels.ptr<int>(y);
      for (int x = box.x0; x < box.x1; ++x)
        if (bits[x] != 0) row[x] = static_cast<int>(i) + 1;
    }
  }
}

cv::Mat label_image(Size size, std::span<const Instance> instances) {
  cv::Mat labels(size.height, size.width, CV_32SC1);
  paint_labels(instances, labels);
  return labels;
}

cv::Mat class_image(const Result& result) {
  constexpr std::size_t most = 255;
  if (result.classes.size() > most)
    throw InvalidArgument(fmt::format("class image: {} classes, 8 bits hold {} at most",
                                      result.classes.size(), most));
  const cv::Mat labels = label_image(result.image_size, result.instances);
  cv::Mat classes(labels.size(), CV_8UC1);
  for (int y = 0; y < labels.rows; ++y)
    std::transform(labels.ptr<int>(y), labels.ptr<int>(y) + labels.cols, classes.ptr(y),
                   [&](int label) {
                     if (label == 0) return std::uint8_t{0};
                     const auto& instance = result.instances[static_cast<std::size_t>(label - 1)];
                     return static_cast<std::uint8_t>(instance.class_index + 1);
                   });
  return classes;
}

void write_classes_png(const std::filesystem::path& path, const Result& result) {
  write_png(path, class_image(result));
}

namespace {

/// @param name  of the file, to begin a message with.
cv::Mat labels_of_16_bits(const Result& result, const std::string& name) {
  constexpr std::size_t most = 65535;
  if (result.count() > most)
    throw InvalidArgument(fmt::format("{}: {} instances, a 16-bit label image holds {} at most",
                                      name, result.count(), most));
  cv::Mat labels;
  label_image(result.image_size, result.instances).convertTo(labels, CV_16U);
  return labels;
}

}  // namespace

void write_labels_png(const std::filesystem::path& path, const Result& result) {
  write_png(path, labels_of_16_bits(result, path.string()));
}

std::vector<std::uint8_t> encode_labels_png(const Result& result) {
  return encode_png(labels_of_16_bits(result, "labels"));
}

std::vector<std::uint8_t> encode_png(const cv::Mat& pixels) { return encoded_png(pixels, "PNG"); }

cv::Mat decode_png(std::span<const std::uint8_t> png) {
  std::vector<std::uint8_t> bytes(png.begin(), png.end());
  if (detail::check_container(bytes, "PNG").format != detail::Format::png)
    throw Unreadable("PNG: the bytes are those of another format");
  detail::drop_remarks(bytes);
  return opencv_decode(bytes, "PNG", cv::IMREAD_GRAYSCALE);
}

void write_png(const std::filesystem::path& path, const cv::Mat& pixels) {
  write_file(path, encoded_png(pixels, path.string()));
}

}  // namespace persense::io
