// mini_tensors.hpp (private): tensors of parts of an image, and calls in parts and batches.
#pragma once

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdint>
#include <opencv2/core.hpp>
#include <utility>
#include <vector>

#include "mini/level_parts.hpp"
#include "mini/network_inputs.hpp"
#include "persense/torch/module.hpp"

namespace persense::torchscript {

/// (1, 3, h, w), channels last, of CV_32FC3.
at::Tensor tensor_of(const cv::Mat& image, const Placement& placement);

/// (N, D) of rows. It is of their memory.
at::Tensor view_of(const mini::Vectors& rows);
/// (N, D) on the CPU, in single precision.
mini::Vectors rows_of(const at::Tensor& tensor);

/// Rows and columns of (1, C, h, w) that a part of the level has at this stride.
at::Tensor part_of(const at::Tensor& map, const cv::Rect& part, int stride);

/// Puts the kept part of what was computed of a seen one where it belongs.
void put(const at::Tensor& computed, const mini::SeenPart& part, int stride, at::Tensor& whole);

/// An empty (1, C, h, w) of a level at this stride, channels last.
at::Tensor room(std::int64_t channels, cv::Size size, int stride, const at::TensorOptions& options);

/// Filled up with zeros to whole batches, or to a multiple of 16 where there are few, but for a
/// single one: libraries prepare convolutions for every length anew.
at::Tensor filled(const at::Tensor& some);

/// What call(from, count) gives for batches, one below the other: the first n rows.
template <class Call>
at::Tensor in_batches(std::int64_t n, Call&& call) {
  std::vector<at::Tensor> parts;
  for (std::int64_t from = 0; from < n; from += mini::batch) {
    const std::int64_t count = std::min<std::int64_t>(mini::batch, n - from);
    parts.push_back(call(from, count).narrow(0, 0, count));
  }
  return at::cat(parts);
}

}  // namespace persense::torchscript
