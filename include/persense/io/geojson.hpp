// persense/io/geojson.hpp: instances as GeoJSON, as QuPath imports it.
#pragma once

#include <filesystem>
#include <string>

#include "persense/result.hpp"

namespace persense::io {

/// What instances are in QuPath.
enum class QuPathObjects {
  detections,   ///< any number of them, measured and counted; their shapes stay as they are
  annotations,  ///< a few, to be corrected by hand
};

/// A FeatureCollection with a Feature for each instance that has a mask: its id, its mask as a
/// Polygon or, of several parts, a MultiPolygon, and the properties objectType, name (the id),
/// classification (its class's name; see class_names) and measurements (area in pixels, score).
/// Coordinates are those of pixels' corners in the image: pixel (3, 4) is the square from (3, 4) to
/// (4, 5). Borders follow the pixels' edges, with holes, so that what is inside is the mask, and
/// polygons are valid: pixels that touch at a corner alone are two parts.
/// @par Source  RFC 7946, in pixels instead of degrees.
std::string to_geojson(const Result& result, QuPathObjects objects = QuPathObjects::detections);

/// Writes `to_geojson`. @throws Unwritable.
void write_geojson(const std::filesystem::path& path, const Result& result,
                   QuPathObjects objects = QuPathObjects::detections);

}  // namespace persense::io
