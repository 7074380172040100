// torch_network.hpp (private): the network of the learned default, which LibTorch runs.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "mini/mini_network.hpp"
#include "persense/torch/module.hpp"

namespace persense::torchscript {

class TorchNetwork final : public mini::Network {
 public:
  /// @throws BadModel  a module without the network's methods.
  explicit TorchNetwork(Module module);

  const Manifest& manifest() const override { return module_.manifest(); }
  void guarded(const char* doing, const std::function<void()>& body) const override;

  std::vector<std::shared_ptr<const mini::Features>> features(
      std::span<const mini::Level* const> windows) const override;
  std::shared_ptr<const mini::Features> features(const mini::Level& level) const override;
  Eigen::RowVectorXf pool(const mini::Level& level, const cv::Rect& part,
                          const cv::Mat& mask) const override;
  std::shared_ptr<const mini::Conditioning> conditioning(
      const Eigen::RowVectorXf& vector) const override;
  mini::Maps maps(const mini::Level& level, const mini::Conditioning& conditioning) const override;
  std::vector<mini::Maps> maps(std::span<const std::shared_ptr<const mini::Level>> windows,
                               const mini::Conditioning& conditioning) const override;
  cv::Mat likeness(const mini::Level& level, const mini::Conditioning& conditioning) const override;
  mini::Descriptors describe(std::span<const mini::DescribedRegions> levels) const override;
  mini::Probabilities classify(const mini::Descriptors& candidates, std::span<const float> sizes,
                               const mini::Vectors& exemplars,
                               std::span<const float> exemplar_sizes) const override;
  std::vector<cv::Mat> refine(std::span<const mini::RefinedRegion> regions) const override;

 private:
  /// How features of so many pixels are kept: those of many in half the memory.
  at::ScalarType kept_as(double pixels) const;
  /// (N, D), where the network is.
  at::Tensor placed(const mini::Vectors& rows) const;

  Module module_;
};

}  // namespace persense::torchscript
