// persense/io/imagej.hpp: instances as ROIs, as the ROI Manager of ImageJ and Fiji opens them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "persense/result.hpp"

namespace persense::io {

/// The bytes of a zip file with a `.roi` for each instance that has a mask: a traced selection, or
/// a composite one where it has holes or several parts. Borders follow the pixels' edges, so that
/// ImageJ selects the pixels of the mask. A ROI is called by its id and class, `0012 bean`; of
/// several classes, class k is ROI group k, up to 255, and has that group's colour.
/// @param slice  of the stack that the image is in ImageJ, from 1; 0: shown on every one.
/// @throws OutOfMemory.
std::vector<std::uint8_t> to_imagej_rois(const Result& result, int slice = 0);

/// Writes `to_imagej_rois`. @throws Unwritable, OutOfMemory.
void write_imagej_rois(const std::filesystem::path& path, const Result& result, int slice = 0);

}  // namespace persense::io
