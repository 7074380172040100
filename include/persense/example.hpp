// persense/example.hpp: how a user marks one object of a support image.
#pragma once

#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <variant>
#include <vector>

#include "persense/geometry.hpp"
#include "persense/image.hpp"

namespace persense {

/// A point in continuous pixel coordinates: (0, 0) is the top left corner of the first pixel, whose
/// centre is (0.5, 0.5).
struct Vertex {
  float x = 0;
  float y = 0;
};

/// An outline: at least three vertices, in their order along it; closed by itself.
struct Polygon {
  std::vector<Vertex> vertices;
};

/// One object of a label image.
struct LabelId {
  cv::Mat labels;  ///< CV_32SC1, of the image's size, 0 = background; shared, not copied
  std::int32_t id = 0;
};

/// How one object is marked. A box or a point becomes a mask by the pipeline's own decoder.
/// - `MaskView`: its pixels, roughly. Separate parts of like size are one example each, unless
///   `support.parts` says otherwise.
/// - `Box`: around it, half-open pixel coordinates.
/// - `Point`: any pixel of it, best in its middle.
/// - `Polygon`: its outline.
/// - `LabelId`: its number in a label image.
using Mark = std::variant<MaskView, Box, Point, Polygon, LabelId>;

/// One marked object. Everything it views must live as long as the call that it is handed to.
/// @tparam Encoded  what the pipeline's `encode` gives: such an image is not encoded again.
template <class Encoded>
struct BasicExample {
  std::variant<ImageView, Encoded> image;
  Mark mark;
  bool negative = false;  ///< "not these": what looks like it is not what is looked for
};

}  // namespace persense
