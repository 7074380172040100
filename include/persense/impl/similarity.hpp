// persense/impl/similarity.hpp: bodies of similarity.hpp, which includes it unless they are
// compiled elsewhere.
#pragma once

#include <fmt/core.h>
#include <Eigen/Core>
#include <algorithm>
#include <span>

#include "persense/error.hpp"
#include "persense/geometry.hpp"
#include "persense/maps.hpp"
#include "persense/similarity.hpp"

namespace persense {

namespace detail {

inline void require_grid(const FloatMapView& features, Size grid, const char* who) {
  if (features.rows() == 0 || features.cols() != grid.pixels())
    throw InvalidArgument(fmt::format("{}: features of {} x {} (channels x cells), expected C x {}",
                                      who, features.rows(), features.cols(), grid.pixels()));
}

}  // namespace detail

PERSENSE_DECL FeaturePrototype feature_prototype(const FloatMapView& features,
                                                 const FloatMapView& mask) {
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

PERSENSE_DECL FeaturePrototype mean_of(std::span<const FeaturePrototype> examples) {
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

PERSENSE_DECL FloatMap feature_similarity(const FloatMapView& features, Size grid,
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
