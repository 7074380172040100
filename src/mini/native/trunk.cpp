#include "trunk.hpp"

#include <cmath>
#include <opencv2/imgproc.hpp>
#include <utility>

namespace persense::mini::native {

Trunk::Trunk(const Weights& weights)
    : stem_(weights.convolution("stem", 32, 4, 5, 2)),
      down2_(weights.convolution("down2", 64, 32, 3, 2)),
      down3_(weights.convolution("down3", 128, 64, 3, 2)),
      level1_(weights.block("level1", 32)),
      level2_{weights.block("level2.0", 64), weights.block("level2.1", 64)},
      level3_{weights.block("level3.0", 128), weights.block("level3.1", 128),
              weights.block("level3.2", 128)},
      norms_{weights.norm("norm1.norm", 32), weights.norm("norm2.norm", 64),
             weights.norm("norm3.norm", 128)} {}

Input coloured(Input image) {
  Input all = image;
  all.channels = 4;
  all.read = [in = std::move(image)](int i, int y, float* to) {
    // read to the end of the row, then spread from its beginning
    float* const rgb = to + in.width;
    in.read(i, y, rgb);
    for (int x = 0; x < in.width; ++x) {
      const float r = rgb[3 * x], g = rgb[3 * x + 1], b = rgb[3 * x + 2];
      const float dark = std::sqrt(std::max((r + g + b) / 3, 1e-4f));
      float* const pixel = to + 4 * x;
      pixel[0] = 2 * r - 1;
      pixel[1] = 2 * g - 1;
      pixel[2] = 2 * b - 1;
      pixel[3] = 2 * dark - 1;
    }
  };
  return all;
}

std::array<Batch, 3> Trunk::operator()(const Input& image) const {
  Batch at_2 = stem_(coloured(image));
  at_2 = level1_(as_is(at_2));
  Batch at_4 = down2_(as_is(at_2));
  for (const Block& block : level2_) at_4 = block(as_is(at_4));
  Batch at_8 = down3_(as_is(at_4));
  for (const Block& block : level3_) at_8 = block(as_is(at_8));
  return {evaluated(norms_[0].of(as_is(at_2))), evaluated(norms_[1].of(as_is(at_4))),
          evaluated(norms_[2].of(as_is(at_8)))};
}

namespace {

/// Means of features where a mask is, in shares of the pixels under each cell.
Eigen::RowVectorXf mean_inside(const cv::Mat& features, const cv::Mat& mask) {
  constexpr float little = 1e-4f;
  cv::Mat shares;
  cv::resize(mask, shares, features.size(), 0, 0, cv::INTER_AREA);
  const cv::Mat whole = as_floats(features);
  Eigen::RowVectorXf total = Eigen::RowVectorXf::Zero(features.channels());
  for (int y = 0; y < features.rows; ++y)
    for (int x = 0; x < features.cols; ++x)
      if (const float share = shares.at<float>(y, x); share > 0)
        total += share * Eigen::Map<const Eigen::RowVectorXf>(whole.ptr<float>(y, x), total.size());
  return total / (static_cast<float>(cv::sum(shares)[0]) + little);
}

}  // namespace

Eigen::RowVectorXf pooled(const std::array<cv::Mat, 3>& features, const cv::Mat& mask) {
  constexpr int reach = 21, apart = 3;  // the surroundings: sides of the squares that widen a mask
  cv::Mat wide, near, inside, ring;
  cv::dilate(mask, wide, cv::Mat::ones(reach, reach, CV_8UC1));
  cv::dilate(mask, near, cv::Mat::ones(apart, apart, CV_8UC1));
  mask.convertTo(inside, CV_32F);
  cv::Mat(wide - near).convertTo(ring, CV_32F);
  Eigen::RowVectorXf vector(prototype_length);
  Eigen::Index at = 0;
  for (std::size_t i = 0; i < features.size(); ++i)
    for (const cv::Mat& where : {inside, ring}) {
      const Eigen::RowVectorXf mean = mean_inside(features[i], where);
      vector.segment(at, mean.size()) = mean;
      at += mean.size();
    }
  return vector;
}

}  // namespace persense::mini::native
