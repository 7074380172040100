// persense/classic/detector.hpp: boxes around everything that could be an object.
#pragma once

#include <cmath>

#include "persense/classic/pieces.hpp"

namespace persense::classic {

/// Boxes of the query's pieces. It has no notion of text: label and phrase get the same boxes.
/// Weak pieces are included, as PPSM only lets points inside of boxes through.
/// @par Threads  Stateless; any number of threads.
/// @par Source  this library.
class ClassicDetector {
 public:
  bool from_similarity() const { return true; }

  template <HoldsClassicEncoder E>
  Detections detect(const Query<E>& query) const {
    return detections(*pieces_of(ClassicQuery(query), {}), query.image.size());
  }

  static Detections detections(const Cut& cut, Size image) {
    const detail::WorkScale scale(cut, image);
    Detections found;
    for (const Piece& piece : cut.pieces)
      if (piece.score > 0)
        // the square root puts a piece of score 0.02 at the paper's detection threshold of 0.15
        found.label.push_back(
            {scale.to_image(piece.box), static_cast<float>(std::sqrt(piece.score * piece.same))});
    found.phrase = found.label;
    return found;
  }
};

}  // namespace persense::classic
