// trunk.hpp (private): features of an image, and of an object in it.
#pragma once

#include <Eigen/Core>
#include <array>
#include <opencv2/core.hpp>

#include "weights.hpp"

namespace persense::mini::native {

/// Of the features, at strides 2, 4, 8.
inline constexpr std::array<int, 3> feature_channels{32, 64, 128};
inline constexpr int all_features = 224, prototype_length = 2 * all_features;

class Trunk {
 public:
  explicit Trunk(const Weights& weights);

  /// Of stretched RGB, whose sides are multiples of 8.
  std::array<Batch, 3> operator()(const Input& image) const;

 private:
  Convolution stem_, down2_, down3_;
  Block level1_;
  std::array<Block, 2> level2_;
  std::array<Block, 3> level3_;
  std::array<ChannelNorm, 3> norms_;
};

/// Red, green, blue and the root of their mean, from -1 to 1. Of stretched RGB.
Input coloured(Input image);

/// What an object looks like: for each stride means of its features and of what surrounds it.
/// @param features  of a part of a level. @param mask  CV_8UC1 of 0 and 1, of that part.
Eigen::RowVectorXf pooled(const std::array<cv::Mat, 3>& features, const cv::Mat& mask);

}  // namespace persense::mini::native
