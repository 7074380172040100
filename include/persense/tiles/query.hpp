// persense/tiles/query.hpp: a query seen tile by tile.
#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <utility>
#include <vector>

#include "persense/detail/marking.hpp"
#include "persense/exemplar.hpp"
#include "persense/stages.hpp"
#include "persense/tiles/encoder.hpp"

namespace persense::detail {

inline Box shifted(const Box& box, int dx, int dy) {
  const auto x = static_cast<float>(dx), y = static_cast<float>(dy);
  return {box.x0 + x, box.y0 + y, box.x1 + x, box.y1 + y};
}

/// Shows stages that were made for E a query of an encoder that holds TiledEncoder<E>.
template <ImageEncoder E, HoldsTiledEncoder<E> Outer>
class TiledQuery {
 public:
  /// @param query  borrowed.
  explicit TiledQuery(const Query<Outer>& query)
      : query_(query),
        grid_(query.image.size(), tiled_prototype(query.support.prototype).shape),
        support_(support_of(query.support)) {}

  const TileGrid& grid() const { return grid_; }

  /// The query's exemplars that lie in a tile as a whole, but for what of them lies outside the
  /// image; all of them where there is one tile.
  std::vector<Exemplar> exemplars_in(std::size_t i) const {
    std::vector<Exemplar> inside;
    const PixelBox& frame = grid_[i].frame;
    for (const Exemplar& e : query_.exemplars) {
      const PixelBox pixels = pixels_of(e.box, grid_.image());
      const bool in = !pixels.empty() && intersection(frame, pixels) == pixels;
      if (in || grid_.size() == 1) inside.push_back(e);
    }
    return inside;
  }

  /// Calls a stage with the query as one tile shows it. @param exemplars  in pixels of the image.
  template <class Stage>
  auto ask(std::size_t i, std::span<const Exemplar> exemplars, Stage&& stage) const {
    const PixelBox& frame = grid_[i].frame;
    std::deque<Mask> masks;
    std::vector<Exemplar> own;
    for (const Exemplar& e : exemplars) {
      own.push_back({shifted(e.box, -frame.x0, -frame.y0), nullptr, e.score});
      if (e.mask == nullptr) continue;
      masks.push_back(shifted(*e.mask, -frame.x0, -frame.y0));
      own.back().mask = &masks.back();
    }
    const auto embedding = tiled_embedding(query_.embedding).at(frame);
    return stage(Query<E>{
        query_.image.part(frame), *embedding,
        query_.similarity.block(frame.y0, frame.x0, frame.height(), frame.width()), support_, own});
  }

 private:
  static Support<E> support_of(const Support<Outer>& s) {
    return {s.examples, s.image,  s.mask, s.diameter, s.box, tiled_prototype(s.prototype).own,
            s.label,    s.phrase, s.notes};
  }

  const Query<Outer>& query_;
  TileGrid grid_;
  Support<E> support_;
};

}  // namespace persense::detail
