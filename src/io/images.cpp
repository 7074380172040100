#include "persense/io/images.hpp"

#include <algorithm>
#include <numeric>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "container.hpp"
#include "persense/io/files.hpp"
#include "tiff.hpp"

namespace persense::io {

namespace {

struct Decoded {
  cv::Mat pixels;      // R, G, B where there are three channels
  bool lossy = false;  // compression leaves noise
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

Decoded decode(const std::filesystem::path& path, Use use) {
  auto bytes = read_file(path);
  const auto container = detail::check_container(bytes, path);
  Decoded decoded;
  int orientation = container.orientation;
  if (container.format == detail::Format::tiff) {
    const auto values =
        use == Use::labels ? detail::GreyValues::numbers : detail::GreyValues::light;
    const detail::Tiff tiff = detail::read_tiff(bytes, path, values);
    decoded = {tiff.pixels, tiff.lossy};
    orientation = tiff.orientation;
    if (use == Use::picture && decoded.pixels.channels() == 1)
      cv::cvtColor(decoded.pixels, decoded.pixels, cv::COLOR_GRAY2RGB);
  } else {
    if (container.format == detail::Format::png) detail::drop_remarks(bytes);
    decoded.pixels = opencv_decode(
        bytes, path,
        use == Use::labels ? cv::IMREAD_UNCHANGED : cv::IMREAD_COLOR | cv::IMREAD_ANYDEPTH);
    decoded.lossy =
        container.format == detail::Format::jpeg || container.format == detail::Format::webp;
  }
  if (use == Use::picture) orient(decoded.pixels, orientation);
  return decoded;
}

/// The largest value any sensor of the narrowest usual depth that holds `maximum` gives.
int sensor_range(int maximum) {
  for (const int bits : {8, 10, 12, 14})
    if (maximum < 1 << bits) return (1 << bits) - 1;
  return 65535;
}

double maximum_of(const cv::Mat& pixels) {
  double maximum = 0;
  cv::minMaxLoc(pixels.reshape(1), nullptr, &maximum);
  return maximum;
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

Image read_image(const std::filesystem::path& path) {
  cv::Mat pixels = decode(path, Use::picture).pixels;
  if (pixels.depth() == CV_16U)
    pixels.convertTo(pixels, CV_8U, 255.0 / sensor_range(static_cast<int>(maximum_of(pixels))));
  return Image::from_rgb(std::move(pixels));
}

cv::Mat read_mask(const std::filesystem::path& path) {
  const auto [pixels, lossy] = decode(path, Use::picture);
  const double level = lossy ? 0.5 * maximum_of(pixels) : 0.0;
  std::vector<cv::Mat> channels;
  cv::split(pixels > level, channels);  // 0 or 255 in every channel
  return channels[0] | channels[1] | channels[2];
}

cv::Mat read_labels(const std::filesystem::path& path) {
  const auto [pixels, lossy] = decode(path, Use::labels);
  if (lossy)
    throw Unreadable(
        fmt::format("{}: a lossy format cannot hold labels, expected PNG or TIFF", path.string()));
  if (pixels.channels() != 1)
    throw Unreadable(fmt::format("{}: {} channels, expected labels in one grey channel",
                                 path.string(), pixels.channels()));
  cv::Mat labels;
  pixels.convertTo(labels, CV_32S);
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

void write_labels_png(const std::filesystem::path& path, const Result& result) {
  constexpr std::size_t most = 65535;
  if (result.count() > most)
    throw InvalidArgument(fmt::format("{}: {} instances, a 16-bit label image holds {} at most",
                                      path.string(), result.count(), most));
  cv::Mat labels;
  label_image(result.image_size, result.instances).convertTo(labels, CV_16U);
  write_png(path, labels);
}

std::vector<std::uint8_t> encode_png(const cv::Mat& pixels) { return encoded_png(pixels, "PNG"); }

void write_png(const std::filesystem::path& path, const cv::Mat& pixels) {
  write_file(path, encoded_png(pixels, path.string()));
}

}  // namespace persense::io
