// persense/rejection.hpp: the Irrelevant Mask Rejection Module (IMRM) of PerSense++.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "persense/detail/decl.hpp"
#include "persense/geometry.hpp"
#include "persense/mask.hpp"
#include "persense/options.hpp"

namespace persense {

namespace detail {

/// The p-th quantile of sorted values, between neighbours linearly.
PERSENSE_DECL double quantile(std::span<const double> sorted, double p);

}  // namespace detail

/// Which masks stay: those that are not far larger than most, and larger ones that a detection is
/// the box of.
///
/// @param masks       one for each prompt; empty ones stay as they are.
/// @param detections  boxes of the detector for the class label.
/// @return  indices of the masks that stay, ascending.
/// @par Rules  Two limits say what is far larger: mean + 2 standard deviations of the larger of two
///   groups by area (k-means), and the third quartile + 2 interquartile ranges. Rules::paper takes
///   them of the areas' logarithms, as objects differ in size by factors, and the larger of them
///   and of twice the usual area; Rules::reference takes the sum of both of the areas themselves,
///   so that it hardly ever rejects. A detection vouches for a mask at IoU >= 0.8. Under
///   Rules::paper it does not for a mask that covers at least two others by half, which is a group;
///   under Rules::reference it does not where it contains another detection, a single one never
///   does, and boxes have whole coordinates, the last pixel's for the mask's.
/// @par Threads  Pure function; safe to call concurrently.
/// @par Source  PerSense++, IMRM.
PERSENSE_DECL std::vector<std::size_t> imrm(std::span<const Mask* const> masks,
                                            std::span<const Box> detections,
                                            Rules rules = Rules::paper);

}  // namespace persense

#ifndef PERSENSE_SEPARATE_COMPILATION
#include "persense/impl/rejection.hpp"
#endif
