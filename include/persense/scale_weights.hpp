// persense/scale_weights.hpp: how much each of three masks of one prompt is worth (PerSAM-F).
#pragma once

#include <array>
#include <span>

#include "persense/detail/decl.hpp"
#include "persense/image.hpp"
#include "persense/maps_fwd.hpp"

namespace persense {

/// The logits of a network that answers a prompt with masks of three scales (SAM's: part, larger
/// part, whole): above 0 inside. Maps of one size, which are stretched over the image.
using ScaleLogits = std::array<FloatMap, 3>;

/// What each of them is worth in the sum of the three; together 1.
using ScaleWeights = std::array<float, 3>;
inline constexpr ScaleWeights equal_scales{1.0f / 3, 1.0f / 3, 1.0f / 3};

/// The weights whose sum of logits is most like an object's mask: dice loss plus focal loss, 1000
/// steps of AdamW from equal weights.
/// @param truth  of the image's size, not empty.
/// @return  may be below 0 or above 1.
/// @throws InvalidArgument  empty maps, or maps of different sizes.
/// @par Cost  a second for maps of 256 x 256: once for each example of a support.
/// @par Source  PerSAM (arXiv:2305.03048), section 3.3; released code: rate 0.001 falling as a
///   cosine, epsilon 1e-4, weight decay 0.01, focal loss with alpha .25 and gamma 2. There losses
///   are of pixels of the image, here of those of the maps.
PERSENSE_DECL ScaleWeights fit_scale_weights(const ScaleLogits& logits, MaskView truth);

}  // namespace persense

#ifndef PERSENSE_SEPARATE_COMPILATION
#include "persense/impl/scale_weights.hpp"
#endif
