// mini_network.hpp (private): the calls of the octave network, in tiles and batches.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <opencv2/core.hpp>
#include <span>
#include <vector>

#include "candidates.hpp"
#include "persense/options.hpp"
#include "persense/torch/module.hpp"
#include "pyramid.hpp"

namespace persense::torchscript {

/// An image at one scale: its pixels as the network sees them, and their features.
struct MiniLevel {
  int k = 0;                           ///< the scale is 2^k
  cv::Size size;                       ///< of the image at this scale
  cv::Mat pixels;                      ///< CV_8UC3, mirrored below and to the right of it
  cv::Mat stretch;                     ///< (1, 256) CV_32FC1, of the whole image
  cv::Matx23d to_image;                ///< x, y of its pixels to those of the image
  std::array<at::Tensor, 3> features;  ///< (1, C, h, w) at strides 2, 4, 8, channels last

  /// Stretched pixels of a part: CV_32FC3.
  cv::Mat seen(const cv::Rect& part) const;
};

/// Maps of a level: (1, map_channels, h, w) at stride 2, where the network is, and on the CPU.
struct MiniMaps {
  at::Tensor tensor;  ///< channels last
  cv::Mat mat;        ///< CV_32FC(6), of the tensor's memory where that is on the CPU
};

/// Regions as the network compares them.
struct MiniRegions {
  at::Tensor embeddings;  ///< (N, D)
  at::Tensor evidence;    ///< (N, map_channels)
};

/// Of each candidate, in [0, 1].
struct MiniVerdict {
  std::vector<float> same;     ///< probability of the exemplars' class
  std::vector<float> quality;  ///< expected overlap with a whole object
};

class MiniNetwork {
 public:
  /// @throws BadModel  a module without the network's methods.
  explicit MiniNetwork(Module module, const MiniOptions& options = {});

  const Module& module() const { return module_; }
  /// The archive's, but for what the options say.
  const Manifest::Calibration& calibration() const { return calibration_; }

  /// @param seen  CV_32FC3, stretched pixels whose sides are multiples of 16.
  std::vector<at::Tensor> trunk(const cv::Mat& seen) const;
  /// @param large  keep the features in half the memory.
  MiniLevel level(const mini::Pyramid& pyramid, int k, bool large) const;
  /// Vectors (1, P) of an object of a level. @param mask  CV_8UC1 of 0 and 1, of `part`, whose
  ///   corner lies on a multiple of 8.
  at::Tensor pool(const MiniLevel& level, const cv::Rect& part, const cv::Mat& mask) const;
  std::vector<at::Tensor> conditioning(const at::Tensor& vector) const;
  MiniMaps maps(const MiniLevel& level, const std::vector<at::Tensor>& conditioning) const;
  at::Tensor embed(const MiniLevel& level, std::span<const mini::Description> regions) const;
  MiniRegions compare(const MiniLevel& level, const MiniMaps& maps,
                      std::span<const mini::Description> regions) const;
  MiniVerdict decide(const MiniRegions& candidates, std::span<const float> sizes,
                     const at::Tensor& exemplars, std::span<const float> exemplar_sizes) const;
  /// Logits of belonging to each region, in windows: CV_32FC1, window_side each way.
  /// @param corners  of the windows, even numbers.
  std::vector<cv::Mat> refine(const MiniLevel& level, const MiniMaps& maps,
                              std::span<const mini::Region* const> regions,
                              std::span<const cv::Point> corners) const;

 private:
  Module module_;
  Manifest::Calibration calibration_;
};

}  // namespace persense::torchscript
