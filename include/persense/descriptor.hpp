// persense/descriptor.hpp: what an object of an encoded image looks like, as one vector.
#pragma once

#include <fmt/core.h>

#include <Eigen/Core>
#include <span>

#include "persense/detail/decl.hpp"
#include "persense/diverse_exemplars.hpp"
#include "persense/error.hpp"
#include "persense/image.hpp"
#include "persense/mask.hpp"
#include "persense/stages.hpp"

namespace persense {

/// An encoder that describes objects: `describe(embedding, mask, size) -> Eigen::RowVectorXf`, of
/// one length; empty where it has nothing to say. `mask` in pixels of the image of that size, not
/// empty. Const; several threads at once. Objects without a descriptor, and those of other
/// encoders, are described by their colours.
template <class E>
concept DescribesObjects = ImageEncoder<E> &&
    requires(const E& encoder, const typename E::Embedding& embedding, const Mask& mask,
             Size size) {
  { encoder.describe(embedding, mask, size) } -> std::same_as<Eigen::RowVectorXf>;
};

namespace detail {

/// Mean and standard deviation of red, green and blue, 0..1.
PERSENSE_DECL Eigen::RowVectorXf colour_descriptor(ImageView image, const Mask& mask);

}  // namespace detail

/// @param masks  none of them empty.
/// @return  one row for each mask.
/// @throws InvalidArgument  descriptors of different lengths.
template <ImageEncoder E>
Descriptors descriptors_of(const E& encoder, const typename E::Embedding& embedding,
                           ImageView image, std::span<const Mask* const> masks) {
  Descriptors rows;
  for (std::size_t i = 0; i < masks.size(); ++i) {
    Eigen::RowVectorXf row;
    if constexpr (DescribesObjects<E>) row = encoder.describe(embedding, *masks[i], image.size());
    if (row.size() == 0) row = detail::colour_descriptor(image, *masks[i]);
    if (i == 0) rows.resize(static_cast<Eigen::Index>(masks.size()), row.size());
    if (row.size() != rows.cols())
      throw InvalidArgument(fmt::format("encoder: a descriptor of {} values after one of {}",
                                        row.size(), rows.cols()));
    rows.row(static_cast<Eigen::Index>(i)) = row;
  }
  return rows;
}

}  // namespace persense

#ifndef PERSENSE_SEPARATE_COMPILATION
#include "persense/impl/descriptor.hpp"
#endif
