// level_parts.hpp (private): the parts in which a large level goes through the network.
#pragma once

#include <opencv2/core.hpp>
#include <vector>

#include "persense/progress.hpp"

namespace persense::mini {

/// A part of a level that is seen, of which another part is kept: pixels of the level, all numbers
/// multiples of 16 where the level's sides are.
struct SeenPart {
  cv::Rect seen, kept;

  /// The kept part, in pixels of the seen one.
  cv::Rect own() const { return {kept.tl() - seen.tl(), kept.size()}; }
};

/// Parts, all of one size, whose kept parts cover a level.
std::vector<SeenPart> parts_of(cv::Size level);

/// Calls body(part) for parts that cover a level, and reports how far it is.
template <class Body>
void each_part(cv::Size level, Body&& body) {
  const std::vector<SeenPart> parts = parts_of(level);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    report_progress(static_cast<double>(i) / static_cast<double>(parts.size()));
    body(parts[i]);
  }
}

/// Cells that pixels of a level have at a stride that divides their numbers.
inline cv::Rect cells_of(const cv::Rect& pixels, int stride) {
  return {pixels.x / stride, pixels.y / stride, pixels.width / stride, pixels.height / stride};
}

}  // namespace persense::mini
