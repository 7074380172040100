// mini_network.hpp (private): the calls of the network, in tiles and batches.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <memory>
#include <opencv2/core.hpp>
#include <span>
#include <vector>

#include "map_decoder.hpp"
#include "persense/torch/module.hpp"
#include "pyramid.hpp"

namespace persense::torchscript {

/// An image, or a window of it, at one scale: its pixels as the network sees them, and their
/// features.
struct MiniLevel {
  int k = 0;                           ///< the scale is 2^k
  cv::Size size;                       ///< of the image, or window, at this scale
  cv::Mat pixels;                      ///< CV_8UC3, mirrored below and to the right of it
  cv::Mat stretch;                     ///< (1, 256) CV_32FC1, of the whole image
  cv::Matx23d to_image;                ///< x, y of its pixels to those of the image
  std::array<at::Tensor, 3> features;  ///< (1, C, h, w) at strides 2, 4, 8, channels last

  /// Stretched pixels of a part: CV_32FC3.
  cv::Mat stretched(const cv::Rect& part) const;
};

/// Maps of a level: (1, map_channels, h, w) at stride 2, where the network is, and on the CPU.
struct MiniMaps {
  at::Tensor tensor;  ///< channels last
  cv::Mat mat;        ///< CV_32FC(6), of the tensor's memory where that is on the CPU
};

/// A level, or a window of one, as one prototype sees it.
struct MappedLevel {
  std::shared_ptr<const MiniLevel> level;
  MiniMaps maps;
  cv::Rect2d core;  ///< of a tile: where peaks are its own, pixels of the image; empty: a level
};

/// Regions of one level, with what is said of them.
struct DescribedRegions {
  const MappedLevel* of;
  std::span<const mini::Description> regions;
};

/// Regions as the network compares them.
struct MiniDescriptors {
  at::Tensor embeddings;  ///< (N, D)
  at::Tensor evidence;    ///< (N, map_channels)
};

/// A region whose outline is to be refined, and the corner of the window for it: even numbers.
struct RefinedRegion {
  const MappedLevel* of;
  const mini::Region* region;
  cv::Point corner;
};

/// Of each candidate, in [0, 1].
struct MiniProbabilities {
  std::vector<float> same_class;  ///< probability of the exemplars' class
  std::vector<float> quality;     ///< expected overlap with a whole object
};

class MiniNetwork {
 public:
  /// @throws BadModel  a module without the network's methods.
  explicit MiniNetwork(Module module);

  const Module& module() const { return module_; }
  const Manifest::Calibration& calibration() const { return module_.manifest().calibration; }

  /// @param seen  CV_32FC3, stretched pixels whose sides are multiples of 16.
  std::vector<at::Tensor> trunk(const cv::Mat& seen) const;
  MiniLevel level(const mini::Pyramid& pyramid, int k) const;
  /// Squares of tile_side pixels of a level. @param corners  in pixels of the level.
  std::vector<std::shared_ptr<const MiniLevel>> tiles(const mini::Pyramid& pyramid, int k,
                                                      std::span<const cv::Point> corners) const;
  /// Vectors (1, P) of an object of a level. @param mask  CV_8UC1 of 0 and 1, of `part`, whose
  ///   corner lies on a multiple of 8.
  at::Tensor pool(const MiniLevel& level, const cv::Rect& part, const cv::Mat& mask) const;
  std::vector<at::Tensor> conditioning(const at::Tensor& vector) const;
  MiniMaps maps(const MiniLevel& level, const std::vector<at::Tensor>& conditioning) const;
  /// The maps of windows, all of one size.
  std::vector<MiniMaps> maps(std::span<const std::shared_ptr<const MiniLevel>> windows,
                             const std::vector<at::Tensor>& conditioning) const;
  /// How much more the finest features are like the object than like what surrounds it: CV_32FC1 at
  /// stride 2, above 0 where they are. Whatever the size of the object there.
  cv::Mat likeness(const MiniLevel& level, const std::vector<at::Tensor>& conditioning) const;
  at::Tensor embed(const std::shared_ptr<const MiniLevel>& level,
                   const mini::Description& region) const;
  MiniDescriptors describe(std::span<const DescribedRegions> levels) const;
  MiniProbabilities classify(const MiniDescriptors& candidates, std::span<const float> sizes,
                             const at::Tensor& exemplars,
                             std::span<const float> exemplar_sizes) const;
  /// Logits of belonging to each region, in windows: CV_32FC1, refine_side each way.
  std::vector<cv::Mat> refine(std::span<const RefinedRegion> regions) const;

 private:
  /// How features of so many pixels are kept: those of many in half the memory.
  at::ScalarType kept_as(double pixels) const;

  Module module_;
};

}  // namespace persense::torchscript
