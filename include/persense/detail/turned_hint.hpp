// persense/detail/turned_hint.hpp: what to say where an image and what is drawn on it lie across.
#pragma once

#include "persense/geometry.hpp"

namespace persense::detail {

/// Goes behind a message of two sizes that differ; empty unless one's sides are the other's
/// exchanged.
inline const char* turned_hint(Size a, Size b) {
  return a == Size{b.height, b.width} && a != b
             ? " (its sides are exchanged: one of the two may be turned by its EXIF orientation)"
             : "";
}

}  // namespace persense::detail
