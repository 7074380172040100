// level_images.hpp (private): the pixels of levels and of windows of them.
#pragma once

#include <memory>
#include <opencv2/core.hpp>
#include <span>
#include <vector>

#include "mini_network.hpp"
#include "pyramid.hpp"

namespace persense::mini {

/// A whole level, without its features.
Level whole_level(const Pyramid& pyramid, int k);

/// A square of a level, about a place of the image, without its features; beyond the image's sides
/// it is mirrored. @param side  pixels of the level, a multiple of 16.
Level square_level(const Pyramid& pyramid, cv::Point2d middle, int k, int side);

/// Squares of tile_side pixels of a level, with their features. @param corners  in its pixels.
std::vector<std::shared_ptr<const Level>> tiles_of(const Network& network, const Pyramid& pyramid,
                                                   int k, std::span<const cv::Point> corners);

}  // namespace persense::mini
