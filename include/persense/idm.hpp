// persense/idm.hpp: the Instance Detection Module, from a density map to candidate points.
#pragma once

#include <cmath>
#include <vector>

#include "persense/detail/decl.hpp"
#include "persense/geometry.hpp"
#include "persense/maps_fwd.hpp"
#include "persense/options.hpp"

namespace persense {

/// What IDM found.
struct IdmResult {
  std::vector<Point> points;  ///< candidate points, in pixels of the image
  double count = 0;           ///< the map's sum, before any resize
};

/// Candidate points: one for each blob of the density map, and one for each core of a composite
/// blob.
///
/// @param density  (h, w) float32, objects per pixel, of any size. Borrowed for the call.
/// @param image    the size the map is stretched to (bilinear); points are pixels of this frame.
///                 With Rules::paper a map that is finer than the image keeps its own size.
/// @param diameter  of one object, in pixels of the image; 0 where it is not known. IdmMode::hybrid
///   alone uses it: points nearer than .35 of it are one.
/// @return  the children of composite contours, then all contours (composites included), from the
///   bottom-most on; with IdmMode::hybrid then the peaks, the highest first; and the map's sum.
/// @throws InvalidArgument  empty map or image; with Rules::paper, NaN or infinity in the map.
/// @par Rules  Rules::reference differs from the paper in these points, and reproduces them:
///   a pixel passes when its level is > threshold (eq. 3 has >=); a contour without area (a line, a
///   dot) is put at (0, 0) instead of on itself; 1e-15 is added to areas, which moves exact integer
///   centroids of areas below 16 by -1; the same point may be returned twice; NaN anywhere gives no
///   points. With Rules::paper points are distinct, and a constant map has none under either.
/// @par Hybrid  Under Rules::reference the union of contours' points and of peaks of the 8-bit map
///   (see detail::reference_peaks), each point once, so that one object may have two. Under
///   Rules::paper one point for each object: see detail::hybrid_points.
/// @par Cost  linear in the map's and the blobs' pixels; nothing full-frame is done per object.
/// @par Threads  Pure function; safe to call concurrently.
/// @par Source  PerSense section 3.2, eq. 3 to 5, algorithm 2; released code `PerSense_modules.py`,
///   `IDM` (threshold 30) and `IDM_countr` (threshold 20). PerSense++: `hybrid_IDM`.
PERSENSE_DECL IdmResult idm(const FloatMapView& density, Size image, const IdmOptions& options = {},
                            double diameter = 0);

/// The count PPSM is given: the sum itself, or (as the released DSALVANet path does) rounded up
/// from float32.
inline double ceil_count(double sum) { return std::ceil(static_cast<float>(sum)); }

}  // namespace persense

#ifndef PERSENSE_SEPARATE_COMPILATION
#include "persense/impl/idm.hpp"
#endif
