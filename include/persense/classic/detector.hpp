// persense/classic/detector.hpp: boxes around everything that could be an object.
#pragma once

#include "persense/classic/encoder.hpp"

namespace persense::classic {

/// Boxes of the query's regions. It has no notion of text: label and phrase get the same boxes.
/// Weak regions are included, as PPSM only lets points inside of boxes through.
/// @par Threads  Stateless; any number of threads.
/// @par Source  this library.
class ClassicDetector {
 public:
  bool from_similarity() const { return true; }

  template <HoldsClassicEncoder E>
  Detections detect(const Query<E>& query) const {
    return find_boxes(ClassicQuery(query));
  }

 private:
  static Detections find_boxes(const ClassicQuery& query);
};

}  // namespace persense::classic
