// colour_rule.hpp (private): where objects may be by their colour alone, in images too large to be
// looked at everywhere.
#pragma once

#include <array>
#include <opencv2/core.hpp>
#include <span>
#include <vector>

#include "persense/mask.hpp"
#include "pyramid.hpp"

namespace persense::mini {

/// Of stretched red, green and blue, and what is added: above 0 for colours that are more like an
/// object's than like its surroundings'.
using ColourRule = std::array<float, 4>;
/// By linear discriminants. @param mask  of an object of the image.
ColourRule colour_rule(const Pyramid& pyramid, const Mask& mask);

/// Where objects may be by their colour alone: those of the most likely sizes first.
/// @param diameter  of the support, pixels. @param reach  what is seen about a place, pixels.
std::vector<cv::Point> places_like(const Pyramid& pyramid, std::span<const ColourRule> rules,
                                   double diameter, int reach, std::size_t most);

}  // namespace persense::mini
