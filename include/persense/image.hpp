// persense/image.hpp: images as views over anybody's memory, and one owner for where we own.
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <utility>

#include "persense/error.hpp"
#include "persense/geometry.hpp"

namespace persense {

/// A borrowed 8-bit RGB image: `height` rows of `width` x 3 bytes, `stride` bytes from row to row.
/// Never owns; the memory must outlive the view. Wraps cv::Mat, numpy and plain buffers alike.
struct ImageView {
  const std::uint8_t* data = nullptr;
  int height = 0;
  int width = 0;
  std::ptrdiff_t stride = 0;

  ImageView() = default;
  ImageView(const std::uint8_t* pixels, int rows, int columns, std::ptrdiff_t row_stride)
      : data(pixels), height(rows), width(columns), stride(row_stride) {}

  /// A matrix does not say the order of its channels, and cv::imread gives B, G, R: use
  /// ImageView::of_rgb(matrix), or Image::from_bgr(matrix), which swaps them.
  explicit ImageView(const cv::Mat& say_of_rgb_or_from_bgr) = delete;

  /// A CV_8UC3 matrix whose channels are R, G, B in this order. Nothing is copied.
  /// @throws InvalidArgument  another depth or channel count.
  static ImageView of_rgb(const cv::Mat& rgb) {
    if (!rgb.empty() && rgb.type() != CV_8UC3)
      throw InvalidArgument(fmt::format("image: got {} channels of {} bytes, expected 3 x uint8",
                                        rgb.channels(), rgb.elemSize1()));
    return {rgb.data, rgb.rows, rgb.cols, static_cast<std::ptrdiff_t>(rgb.step)};
  }

  Size size() const { return {width, height}; }
  bool empty() const { return data == nullptr || height <= 0 || width <= 0; }
  const std::uint8_t* row(int y) const { return data + y * stride; }
  /// The pixels of a box, which lies inside the image. Nothing is copied.
  ImageView part(const PixelBox& box) const {
    return {row(box.y0) + 3 * std::ptrdiff_t{box.x0}, box.height(), box.width(), stride};
  }

  /// The same memory as a cv::Mat header (CV_8UC3). Nothing is copied; do not write through it.
  cv::Mat mat() const {
    return cv::Mat(height, width, CV_8UC3, const_cast<std::uint8_t*>(data),
                   static_cast<std::size_t>(stride));
  }
};

/// A borrowed mask: one byte per pixel, non-zero = inside the object.
struct MaskView {
  const std::uint8_t* data = nullptr;
  int height = 0;
  int width = 0;
  std::ptrdiff_t stride = 0;

  MaskView() = default;
  MaskView(const std::uint8_t* pixels, int rows, int columns, std::ptrdiff_t row_stride)
      : data(pixels), height(rows), width(columns), stride(row_stride) {}

  /// @throws InvalidArgument  not CV_8UC1.
  explicit MaskView(const cv::Mat& mask)
      : data(mask.data),
        height(mask.rows),
        width(mask.cols),
        stride(static_cast<std::ptrdiff_t>(mask.step)) {
    if (!mask.empty() && mask.type() != CV_8UC1)
      throw InvalidArgument(fmt::format("mask: got {} channels of {} bytes, expected 1 x uint8",
                                        mask.channels(), mask.elemSize1()));
  }

  Size size() const { return {width, height}; }
  bool empty() const { return data == nullptr || height <= 0 || width <= 0; }
  const std::uint8_t* row(int y) const { return data + y * stride; }
  cv::Mat mat() const {
    return cv::Mat(height, width, CV_8UC1, const_cast<std::uint8_t*>(data),
                   static_cast<std::size_t>(stride));
  }
};

/// An 8-bit RGB image that owns its pixels (shared between copies, never written after
/// construction).
class Image {
 public:
  Image() = default;
  /// See ImageView(const cv::Mat&): use Image::from_rgb or Image::from_bgr.
  explicit Image(const cv::Mat& say_from_rgb_or_from_bgr) = delete;
  /// Takes a CV_8UC3 matrix of R, G, B without copying its pixels.
  /// @throws InvalidArgument  another type.
  static Image from_rgb(cv::Mat rgb) {
    Image image;
    (void)ImageView::of_rgb(rgb);
    image.pixels_ = std::move(rgb);
    return image;
  }
  /// A copy of a CV_8UC3 matrix of B, G, R, as cv::imread gives it. @throws InvalidArgument another
  /// type.
  static Image from_bgr(const cv::Mat& bgr) {
    Image image = copy_of(ImageView::of_rgb(bgr));
    for (int y = 0; y < image.pixels_.rows; ++y) {
      auto* row = image.pixels_.ptr<cv::Vec3b>(y);
      for (int x = 0; x < image.pixels_.cols; ++x) std::swap(row[x][0], row[x][2]);
    }
    return image;
  }
  /// A deep copy of what the view shows.
  static Image copy_of(ImageView view) { return from_rgb(view.mat().clone()); }

  ImageView view() const { return ImageView::of_rgb(pixels_); }
  Size size() const { return {pixels_.cols, pixels_.rows}; }
  bool empty() const { return pixels_.empty(); }
  const cv::Mat& mat() const { return pixels_; }

 private:
  cv::Mat pixels_;
};

/// Whether two images show the same, wherever their pixels lie.
inline bool same_pixels(ImageView a, ImageView b) {
  if (a.size() != b.size()) return false;
  if (a.data == b.data && a.stride == b.stride) return true;
  for (int y = 0; y < a.height; ++y)
    if (!std::equal(a.row(y), a.row(y) + 3 * std::ptrdiff_t{a.width}, b.row(y))) return false;
  return true;
}

}  // namespace persense
