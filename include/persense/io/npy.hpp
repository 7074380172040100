// persense/io/npy.hpp: float maps from and to NumPy's .npy files.
#pragma once

#include <filesystem>

#include "persense/maps.hpp"

namespace persense::io {

/// Reads a two-dimensional map: little-endian float32 or float64, C or Fortran order. A third,
/// leading or trailing dimension of 1 is dropped.
/// @return  (H, W). NaN and infinity are handed through.
/// @throws FileNotFound     no such file.
/// @throws Unreadable       not an .npy file, a damaged header, fewer or more values than its
/// shape.
/// @throws InvalidArgument  another type of number, another number of dimensions, an empty map.
FloatMap read_npy_map(const std::filesystem::path& path);

/// Writes float32, C order, format 1.0. @throws Unwritable.
void write_npy(const std::filesystem::path& path, const FloatMapView& map);

}  // namespace persense::io
