// mini_picture.hpp (private): what mini's network is shown: pictures stretched and resampled.
#pragma once

#include <ATen/core/Tensor.h>

#include <opencv2/core.hpp>
#include <utility>
#include <vector>

#include "persense/torch/module.hpp"
#include "tiles.hpp"

namespace persense::torchscript {

/// What each value of a picture becomes: 0 about its darkest, 1 about its brightest. (1, 256)
/// CV_32FC1, for cv::LUT. The very rule of `persense.train.episodes.stretch`.
cv::Mat stretching(const cv::Mat& rgb);

/// By areas where it shrinks, linearly where it grows.
cv::Mat resized(const cv::Mat& image, cv::Size size);

/// The same in matrix products, on any device. (On the CPU twenty times slower.)
/// @param image  (channels, h, w), floating point.
at::Tensor resize_by_products(const at::Tensor& image, cv::Size size);

/// (1, 3, h, w) of a CV_32FC3 picture, or of a packed one: CV_16SC3, half of what floats take.
at::Tensor tensor_of(const cv::Mat& image, const Placement& placement);

/// A stretched picture.
class MiniPicture {
 public:
  MiniPicture() = default;
  /// @param packed  see `tensor_of`.
  explicit MiniPicture(cv::Mat packed) : packed_(std::move(packed)) {}
  /// @param values  (3, h, w), where the network is.
  explicit MiniPicture(at::Tensor values) : values_(std::move(values)) {}

  cv::Size size() const;
  /// What a tile sees of it: (1, 3, h, w).
  at::Tensor seen(const Tile& tile, const Placement& placement) const;

 private:
  cv::Mat packed_;
  at::Tensor values_;
};

/// A picture at each of these sizes: on the CPU packed, elsewhere by products, unless these would
/// take much memory.
/// @param rgb  CV_8UC3, continuous. @param table  see `stretching`.
std::vector<MiniPicture> pictures_of(const cv::Mat& rgb, const cv::Mat& table,
                                     const std::vector<cv::Size>& sizes, at::Device device);

/// The same by resize_by_products on any device.
std::vector<MiniPicture> pictures_by_products(const cv::Mat& rgb, const cv::Mat& table,
                                              const std::vector<cv::Size>& sizes,
                                              at::Device device);

}  // namespace persense::torchscript
