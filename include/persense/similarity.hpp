// persense/similarity.hpp: prototype and similarity map of a grid of feature vectors (eq. 1).
#pragma once

#include <fmt/core.h>

#include <Eigen/Core>
#include <algorithm>
#include <span>

#include "persense/error.hpp"
#include "persense/geometry.hpp"
#include "persense/maps.hpp"

namespace persense {

/// What a set of feature vectors looks like on average.
struct FeaturePrototype {
  Eigen::VectorXf mean;  ///< (C): mean of the selected vectors ("target embedding")
  Eigen::VectorXf unit;  ///< (C): the mean, divided by its length ("target feature")
};

namespace detail {
inline void require_grid(const FloatMapView& features, Size grid, const char* who) {
  if (features.rows() == 0 || features.cols() != grid.pixels())
    throw InvalidArgument(fmt::format("{}: features of {} x {} (channels x cells), expected C x {}",
                                      who, features.rows(), features.cols(), grid.pixels()));
}
}  // namespace detail

/// The mean feature vector of the cells where `mask` is above zero.
/// @param features  (C, h * w) float32, one row per channel.
/// @param mask      (h, w).
/// @throws InvalidArgument  shapes that do not fit, or no cell above zero.
/// @par Source  PerSense section 3.1; released code: the mean is taken before it is normalised.
inline FeaturePrototype feature_prototype(const FloatMapView& features, const FloatMapView& mask) {
  detail::require_grid(features, size_of(mask), "feature_prototype");
  FeaturePrototype prototype;
  prototype.mean = Eigen::VectorXf::Zero(features.rows());
  int cells = 0;
  for (Eigen::Index y = 0; y < mask.rows(); ++y)
    for (Eigen::Index x = 0; x < mask.cols(); ++x)
      if (mask(y, x) > 0) {
        prototype.mean += features.col(y * mask.cols() + x).matrix();
        ++cells;
      }
  if (cells == 0)
    throw InvalidArgument(
        "support mask: no cell of the encoder's grid lies inside; expected a larger object");
  prototype.mean /= static_cast<float>(cells);
  prototype.unit = prototype.mean / prototype.mean.norm();
  return prototype;
}

/// The prototype of several examples: the mean of their means, so that each counts alike.
/// @throws InvalidArgument  none, or of different numbers of channels.
inline FeaturePrototype mean_of(std::span<const FeaturePrototype> examples) {
  if (examples.empty()) throw InvalidArgument("prototype: got no example, expected at least one");
  FeaturePrototype mean{Eigen::VectorXf::Zero(examples[0].mean.size()), {}};
  for (const FeaturePrototype& e : examples) {
    if (e.mean.size() != mean.mean.size())
      throw InvalidArgument(
          fmt::format("encoder: {} channels for one support image, {} for another",
                      mean.mean.size(), e.mean.size()));
    mean.mean += e.mean / static_cast<float>(examples.size());
  }
  mean.unit = mean.mean / mean.mean.norm();
  return mean;
}

/// Similarity with what is looked for, where negative examples are known, too: a cell that is more
/// like those than like the others has minus its similarity with them, or 0 where that is negative.
inline float against(float wanted, float negative) {
  return negative > wanted ? -std::max(negative, 0.0f) : wanted;
}

/// Cosine of every cell's feature vector with the prototype (eq. 1).
/// @return (grid.height, grid.width) in [-1, 1]; cells without any feature are 0.
inline FloatMap feature_similarity(const FloatMapView& features, Size grid,
                                   const FeaturePrototype& prototype) {
  detail::require_grid(features, grid, "feature_similarity");
  const Eigen::RowVectorXf lengths = features.matrix().colwise().norm();
  const Eigen::RowVectorXf dots = prototype.unit.transpose() * features.matrix();
  FloatMap map(grid.height, grid.width);
  for (Eigen::Index i = 0; i < dots.size(); ++i)
    map(i / grid.width, i % grid.width) = lengths(i) > 0 ? dots(i) / lengths(i) : 0.0f;
  return map;
}

}  // namespace persense
