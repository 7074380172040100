// label_studio_rle.hpp: masks as Label Studio's brush regions hold them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "persense/geometry.hpp"
#include "persense/image.hpp"
#include "persense/mask.hpp"

namespace persense::serve {

/// A mask as run lengths of an RGBA image, four bytes of 0 or 255 a pixel.
/// @par Source  https://labelstud.io/tags/brush: rle-pack, a bit stream of a 32-bit count, the
///   width of a value less one (5 bits), those of four kinds of run lengths (4 bits each), then
///   runs: one bit (1: one value for all), a kind (2 bits), the length less one, and the value or
///   values.
/// @throws InvalidArgument  an image of 2^30 pixels or more.
std::vector<std::uint8_t> to_label_studio_rle(const Mask& mask, Size image);

/// Runs of pixels outside and inside by turns, row by row: those whose alpha is above 127.
/// @throws InvalidArgument  bytes that are no such image of this size.
std::vector<std::int64_t> runs_of_label_studio_rle(std::span<const std::uint8_t> bytes, Size image);

}  // namespace persense::serve
