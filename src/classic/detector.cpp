#include "persense/classic/detector.hpp"

#include <cmath>

#include "segment_query.hpp"

namespace persense::classic {

Detections ClassicDetector::find_boxes(const ClassicQuery& query) {
  const auto segmentation = segment_query(query, {});
  const WorkScale scale(*segmentation, query.image);
  Detections found;
  for (const Region& region : segmentation->regions)
    if (region.score > 0)
      // the square root puts a region of score 0.02 at the paper's detection threshold of 0.15
      found.label.push_back(
          {scale.to_image(region.box), static_cast<float>(std::sqrt(region.score))});
  found.phrase = found.label;
  return found;
}

}  // namespace persense::classic
