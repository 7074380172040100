// persense/similarity.hpp: prototype and similarity map of a grid of feature vectors (eq. 1).
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <span>

#include "persense/detail/decl.hpp"
#include "persense/geometry.hpp"
#include "persense/maps.hpp"

namespace persense {

/// What a set of feature vectors looks like on average.
struct FeaturePrototype {
  Eigen::VectorXf mean;  ///< (C): mean of the selected vectors ("target embedding")
  Eigen::VectorXf unit;  ///< (C): the mean, divided by its length ("target feature")
};

/// The mean feature vector of the cells where `mask` is above zero.
/// @param features  (C, h * w) float32, one row per channel.
/// @param mask      (h, w).
/// @throws InvalidArgument  shapes that do not fit, or no cell above zero.
/// @par Source  PerSense section 3.1; released code: the mean is taken before it is normalised.
PERSENSE_DECL FeaturePrototype feature_prototype(const FloatMapView& features,
                                                 const FloatMapView& mask);

/// The prototype of several examples: the mean of their means, so that each counts alike.
/// @throws InvalidArgument  none, or of different numbers of channels.
PERSENSE_DECL FeaturePrototype mean_of(std::span<const FeaturePrototype> examples);

/// Similarity with what is looked for, where negative examples are known, too: a cell that is more
/// like those than like the others has minus its similarity with them, or 0 where that is negative.
inline float against(float wanted, float negative) {
  return negative > wanted ? -std::max(negative, 0.0f) : wanted;
}

/// Cosine of every cell's feature vector with the prototype (eq. 1).
/// @return (grid.height, grid.width) in [-1, 1]; cells without any feature are 0.
PERSENSE_DECL FloatMap feature_similarity(const FloatMapView& features, Size grid,
                                          const FeaturePrototype& prototype);

}  // namespace persense

#ifndef PERSENSE_SEPARATE_COMPILATION
#include "persense/impl/similarity.hpp"
#endif
