// mask_upsampling.hpp (private): from low-resolution mask logits on a device to cropped masks on
// the host.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "persense/mask.hpp"
#include "persense/models/longest_side.hpp"

namespace persense::torchscript {

/// Bilinear enlargement of a low-resolution axis to the image's, along both steps of
/// `postprocess_masks` at once (low -> padded input -> cropped -> image), in blocks of `block`
/// pixels.
struct AxisBlocks {
  static constexpr int block = 32;

  std::vector<int> first, last;  // per pixel: the low-resolution samples it reads
  at::Tensor begin;              // (blocks) int64: first sample a block reads
  at::Tensor weight;             // (blocks, block, samples) float32
  AxisBlocks(int low, int target, int inner, int original, at::Device device);
  std::int64_t samples() const { return weight.size(2); }
};

/// Evaluates masks where they are, and only there.
class MaskUpsampling {
 public:
  /// @param low  sides of the (square) low-resolution logits. @param budget  bytes to work with.
  MaskUpsampling(const LongestSide& frame, int low, at::Device device, std::int64_t budget);

  /// Where logits are above zero at image size, cropped to tight boxes; and the scores, on the
  /// host. Two transfers: extents and scores, then the pixels (more when they exceed the budget).
  /// @param low_res  (n, low, low). @param scores  (n). Both floating-point, on the device.
  struct Answer {
    std::vector<Mask> masks;
    std::vector<float> scores;
  };
  Answer operator()(const at::Tensor& low_res, const at::Tensor& scores) const;

 private:
  /// Blocks of pixels that one mask may reach.
  struct Region {
    std::size_t mask = 0;
    PixelBox pixels;  // of the image
    PixelBox blocks;  // in blocks
  };
  Region region(std::size_t mask, const float* extent) const;
  std::int64_t blocks_at_once() const;
  at::Tensor evaluate(const at::Tensor& low_res, const std::vector<Region>& regions,
                      std::int64_t blocks) const;
  void fill(const at::Tensor& low_res, const std::vector<Region>& regions, std::int64_t blocks,
            std::vector<Mask>& masks) const;

  std::int64_t low_, budget_;
  AxisBlocks across_, down_;
};

}  // namespace persense::torchscript
