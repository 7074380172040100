// segment_query.hpp (private): the object-like regions of a query, which the detector, the DMG and
// the decoder share.
#pragma once

#include <memory>
#include <span>

#include "height_map.hpp"
#include "persense/classic/encoder.hpp"

namespace persense::classic {

/// Regions below this score are not objects.
inline constexpr double lowest_region_score = 0.1;

/// The regions of a query, for some exemplars. With fewer than three (or none that matches a
/// region) they follow from the support alone; with more, from what the exemplars look like in this
/// query, at a finer resolution where they are small.
std::shared_ptr<const Segmentation> segment_query(const ClassicQuery& query,
                                                  std::span<const Exemplar> exemplars);

/// A segmentation's resolution over the image's, per axis.
struct WorkScale {
  double x, y;
  WorkScale(const Segmentation& segmentation, Size image)
      : x(static_cast<double>(segmentation.labels.cols) / image.width),
        y(static_cast<double>(segmentation.labels.rows) / image.height) {}

  Box to_image(const PixelBox& b) const {
    return {static_cast<float>(b.x0 / x), static_cast<float>(b.y0 / y),
            static_cast<float>(b.x1 / x), static_cast<float>(b.y1 / y)};
  }
};

}  // namespace persense::classic
