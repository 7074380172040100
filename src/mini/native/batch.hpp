// batch.hpp (private): images of one size, and layers that read and write them row by row.
#pragma once

#include <functional>
#include <opencv2/core.hpp>
#include <vector>

#include "kernels.hpp"

namespace persense::mini::native {

/// Images of one size, one below the other: CV_32FC(channels), or CV_16FC(channels) where they are
/// kept in half the memory.
struct Batch {
  cv::Mat rows;
  int count = 1;

  int height() const { return rows.rows / count; }
  cv::Mat image(int i) const { return rows.rowRange(i * height(), (i + 1) * height()); }
};

/// Writes row `y` of image `i` to `to`, as width x channels floats.
using ReadRow = std::function<void(int i, int y, float* to)>;

/// What a layer reads: rows of images, which may be computed as they are read.
struct Input {
  int count, height, width, channels;
  ReadRow read;
};

/// Of images as they are. They, or what they refer to, must outlive it; so it is for all below.
Input as_is(const Batch& batch);
/// Of parts of one size. @param parts  CV_32FC or CV_16FC.
Input as_is(const std::vector<cv::Mat>& parts);
/// Channels of several, one after the other.
Input joined(std::vector<Input> inputs);
/// Times a gain, plus a shift, for each channel.
Input scaled(Input input, const float* gain, const float* shift);
/// The sums of two. @param rectified  negative ones become 0.
Input sum_of(Input a, Input b, bool rectified);
/// Enlarged bilinearly, as PyTorch does with align_corners=False.
Input enlarged(Input input, int height, int width);

/// In single precision: the matrix itself where it is.
cv::Mat as_floats(const cv::Mat& matrix);

/// What an input holds. @returns CV_32FC(channels).
Batch evaluated(const Input& input);

/// A convolution, its weights packed for the processor. One of 3 x 3 without a stride and with many
/// channels is computed in tiles, by Winograd's way: 16 products instead of 36 for four outputs.
class Convolution {
 public:
  Convolution() = default;
  /// @param weights  (outputs, inputs, side, side). @param bias  of the outputs, or empty.
  Convolution(const std::vector<float>& weights, const std::vector<float>& bias, int outputs,
              int inputs, int side, int stride, const Kernels& by = kernels());

  struct Then {
    bool rectified = false;
    const Input* added = nullptr;  ///< to the outputs, before they are rectified
  };
  Batch operator()(const Input& input) const { return (*this)(input, Then{}); }
  Batch operator()(const Input& input, Then then) const;

 private:
  struct Band;
  class Rows;
  class Tiles;
  void pack(const std::vector<float>& weights, int filter);
  void convolve_rows(const Input& input, const Then& then, const Band& band, Batch& to) const;
  void convolve_tiles(const Input& input, const Then& then, const Band& band, Batch& to) const;

  const Kernels* kernels_ = nullptr;
  int outputs_ = 0, inputs_ = 0, side_ = 1, stride_ = 1;
  bool in_tiles_ = false;
  std::vector<float> weights_, bias_;
};

/// Normalises the channels of every pixel (layer normalisation).
struct ChannelNorm {
  std::vector<float> gain, shift;

  Input of(Input input) const;
};

/// A residual block of two 3 x 3 convolutions.
struct Block {
  ChannelNorm norm;
  Convolution first, second;

  Batch operator()(const Input& input) const;
};

}  // namespace persense::mini::native
