// device_image.hpp (private): images and maps as tensors, resized where they are.
#pragma once

#include <ATen/core/Tensor.h>

#include "persense/image.hpp"
#include "persense/torch/encoder.hpp"

namespace persense::torchscript {

/// (h, w, 3) uint8. Only the bytes travel.
at::Tensor upload(ImageView image, at::Device device);
/// (h, w, 1) uint8, 0 or 255.
at::Tensor upload(MaskView mask, at::Device device);

/// An 8-bit image (h, w, channels) resized as persense::resize_antialiased does it: by that very
/// function on the CPU, by resize_by_gathering elsewhere.
at::Tensor resize_antialiased(const at::Tensor& image, Size size);

/// The same in tensor operations: the same fixed point, so the same bytes, on any device. (On the
/// CPU ten times slower.)
at::Tensor resize_by_gathering(const at::Tensor& image, Size size);

/// Bilinear, align_corners false: the reference's `interpolate`. @param maps  (n, c, h, w) float32.
at::Tensor resize_bilinear(const at::Tensor& maps, Size size);

/// The cells of an encoder's grid that lie inside a mask: 0 or 1, (grid.height, grid.width)
/// float32.
/// @param mask  (h, w, 1) uint8 of the frame's image size, 0 or 255.
/// @par Source  released code: the mask takes the image's path, 8-bit antialiased resize, channel
///   0's mean and deviation, zero padding, bilinear to the grid. So a cell is inside when its level
///   is above 123.675 of 255.
at::Tensor cells_inside(const at::Tensor& mask, const InputFrame& frame);

/// What share of each cell of an encoder's grid a mask covers, (grid.height, grid.width) float32
/// in 0..1. Exact: pixels that lie in several cells are divided between them, so an object of a
/// single pixel counts.
/// @param mask  (h, w, 1) uint8 of the frame's image size, 0 or 255.
at::Tensor coverage(const at::Tensor& mask, const InputFrame& frame);

}  // namespace persense::torchscript
