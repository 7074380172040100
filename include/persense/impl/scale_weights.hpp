// persense/impl/scale_weights.hpp: bodies of scale_weights.hpp, which includes it unless they are
// compiled elsewhere.
#pragma once

#include <fmt/core.h>

#include <Eigen/Core>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <opencv2/imgproc.hpp>

#include "persense/error.hpp"
#include "persense/maps.hpp"
#include "persense/scale_weights.hpp"

namespace persense {

namespace detail {

/// A mask in another size: 1 where at least half of a pixel's area is inside.
inline Eigen::ArrayXf resized_truth(MaskView mask, Size size) {
  cv::Mat part;
  cv::resize(mask.mat() != 0, part, {size.width, size.height}, 0, 0, cv::INTER_AREA);
  Eigen::ArrayXf truth(size.pixels());
  for (Eigen::Index i = 0; i < truth.size(); ++i)
    truth(i) = part.data[static_cast<std::size_t>(i)] >= 128 ? 1.0f : 0.0f;
  return truth;
}

/// The derivative by each logit of dice loss (over all pixels, 1 added to both parts) plus focal
/// loss (mean over the pixels).
inline Eigen::ArrayXf loss_gradient(const Eigen::ArrayXf& logits, const Eigen::ArrayXf& truth) {
  constexpr float alpha = 0.25f;  // of the focal loss; its gamma is 2
  const Eigen::ArrayXf p = 1 / (1 + (-logits).exp()), q = 1 - p;
  const float above = 2 * (p * truth).sum() + 1, below = p.sum() + truth.sum() + 1;
  const Eigen::ArrayXf dice = -(2 * truth * below - above) / (below * below);
  // log p and log q without the infinities of far logits
  const Eigen::ArrayXf rest = (-logits.abs()).exp().log1p();
  const Eigen::ArrayXf log_p = logits.min(0.0f) - rest, log_q = (-logits).min(0.0f) - rest;
  const Eigen::ArrayXf inside = alpha * q * q * (2 * p * log_p - q);
  const Eigen::ArrayXf outside = (1 - alpha) * p * p * (p - 2 * q * log_q);
  return dice * p * q +
         (truth * inside + (1 - truth) * outside) / static_cast<float>(logits.size());
}

/// Steps of AdamW on two numbers, at a rate that falls as half a cosine.
class TwoWeightAdam {
 public:
  Eigen::Array2d weights = Eigen::Array2d::Constant(1.0 / 3);

  static constexpr int steps = 1000;
  void step(const Eigen::Array2d& gradient) {
    constexpr double highest = 1e-3, decay = 0.01, first = 0.9, second = 0.999, epsilon = 1e-4;
    const double rate = highest / 2 * (1 + std::cos(std::numbers::pi * done_ / steps));
    ++done_;
    mean_ = first * mean_ + (1 - first) * gradient;
    square_ = second * square_ + (1 - second) * gradient.square();
    weights *= 1 - rate * decay;
    weights -= rate * (mean_ / (1 - std::pow(first, done_))) /
               ((square_ / (1 - std::pow(second, done_))).sqrt() + epsilon);
  }

 private:
  int done_ = 0;
  Eigen::Array2d mean_ = Eigen::Array2d::Zero(), square_ = Eigen::Array2d::Zero();
};

}  // namespace detail

PERSENSE_DECL ScaleWeights fit_scale_weights(const ScaleLogits& logits, MaskView truth) {
  const Size size = size_of(logits[0]);
  for (const FloatMap& map : logits)
    if (size_of(map) != size || map.size() == 0)
      throw InvalidArgument(
          fmt::format("scale logits: maps of {} and {}, expected three of one "
                      "size, at least 1 x 1",
                      to_string(size), to_string(size_of(map))));
  const auto flat = [&](std::size_t scale) -> Eigen::ArrayXf {
    return Eigen::Map<const Eigen::ArrayXf>(logits[scale].data(), logits[scale].size());
  };
  // the first weight is what the others leave of 1
  const Eigen::ArrayXf first = flat(0), second = flat(1) - first, third = flat(2) - first;
  const Eigen::ArrayXf inside = detail::resized_truth(truth, size);
  detail::TwoWeightAdam adam;
  for (int i = 0; i < detail::TwoWeightAdam::steps; ++i) {
    const auto [a, b] = std::array{static_cast<float>(adam.weights(0)),  //
                                   static_cast<float>(adam.weights(1))};
    const Eigen::ArrayXf slope = detail::loss_gradient(first + a * second + b * third, inside);
    adam.step(
        {static_cast<double>((slope * second).sum()), static_cast<double>((slope * third).sum())});
  }
  const auto a = static_cast<float>(adam.weights(0)), b = static_cast<float>(adam.weights(1));
  return {1 - a - b, a, b};
}

}  // namespace persense
