// persense/tiles/encoder.hpp: an encoder that sees a large image in tiles.
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "persense/descriptor.hpp"
#include "persense/detail/marking.hpp"
#include "persense/detail/median.hpp"
#include "persense/detail/memo.hpp"
#include "persense/detail/support_mask.hpp"
#include "persense/options.hpp"
#include "persense/progress.hpp"
#include "persense/resize.hpp"
#include "persense/stages.hpp"
#include "persense/tiles/grid.hpp"

namespace persense {

/// An encoder, and the tiles that it is shown.
template <ImageEncoder E>
struct Tiling {
  E encoder;
  int wanted;  ///< TileOptions::size

  TileShape shape(double diameter, double length) const {
    return tile_shape(wanted, input_side_of(encoder), diameter, length);
  }
};

/// An image of which tiles are encoded when they are asked for. Cheap to copy (copies share
/// everything); holds a copy of the image.
/// @par Threads  Safe; a tile is encoded once.
template <ImageEncoder E>
class TiledEmbedding {
 public:
  TiledEmbedding(std::shared_ptr<const Tiling<E>> tiling, Image image)
      : tiling_(std::move(tiling)), image_(std::move(image)), known_(std::make_shared<Known>()) {}

  const Tiling<E>& tiling() const { return *tiling_; }
  const Image& image() const { return image_; }

  /// A part of the image, encoded. @throws what the encoder does.
  std::shared_ptr<const typename E::Embedding> at(const PixelBox& frame) const {
    return known_->get(frame, [&] { return tiling_->encoder.encode(image_.view().part(frame)); });
  }

  /// The tile that shows a box with its surroundings: one of those that the image is cut into where
  /// it can be, else one about the box.
  PixelBox frame_about(const PixelBox& box, const TileShape& shape) const {
    const Size size = image_.size();
    const int margin = shape.overlap / 4;
    const PixelBox around =
        intersection({box.x0 - margin, box.y0 - margin, box.x1 + margin, box.y1 + margin},
                     {0, 0, size.width, size.height});
    const TileGrid grid(size, shape);
    const PixelBox& frame = grid[grid.at({(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2})].frame;
    if (intersection(frame, around) == around) return frame;
    return window(around, std::max({shape.side, around.width(), around.height()}));
  }

  /// The part of the image about a box, of the side given; all of it where it is no larger.
  PixelBox window(const PixelBox& about, int side) const {
    const auto along = [side](int first, int last, int whole) {
      const int extent = std::min(side, whole);
      const int begin = std::clamp((first + last - extent) / 2, 0, whole - extent);
      return std::pair{begin, begin + extent};
    };
    const auto [x0, x1] = along(about.x0, about.x1, image_.size().width);
    const auto [y0, y1] = along(about.y0, about.y1, image_.size().height);
    return {x0, y0, x1, y1};
  }

 private:
  using Known = detail::Memo<PixelBox, typename E::Embedding>;

  std::shared_ptr<const Tiling<E>> tiling_;
  Image image_;
  std::shared_ptr<Known> known_;
};

/// What the encoder made of the examples, each seen in a tile about it.
template <ImageEncoder E>
struct TiledPrototype {
  typename E::Prototype own;
  TileShape shape;  ///< of the query's tiles
  std::vector<std::string> notes;
};

/// The tiles' part of an embedding and a prototype. An encoder that joins them with others
/// overloads both in the namespace of its own types.
template <ImageEncoder E>
const TiledEmbedding<E>& tiled_embedding(const TiledEmbedding<E>& embedding) {
  return embedding;
}
template <ImageEncoder E>
const TiledPrototype<E>& tiled_prototype(const TiledPrototype<E>& prototype) {
  return prototype;
}

/// An encoder whose embedding and prototype hold those of TiledEncoder<E>.
template <class Outer, class E>
concept HoldsTiledEncoder = ImageEncoder<Outer> && ImageEncoder<E> &&
    requires(const typename Outer::Embedding& embedding,
             const typename Outer::Prototype& prototype) {
  { tiled_embedding(embedding) } -> std::same_as<const TiledEmbedding<E>&>;
  { tiled_prototype(prototype) } -> std::same_as<const TiledPrototype<E>&>;
};

namespace detail {

/// Calls `body` with each tile's index, in order, and says how much is done.
template <class Body>
void for_each_tile(const TileGrid& grid, Body&& body) {
  for (std::size_t i = 0; i < grid.size(); ++i) {
    report_progress(static_cast<double>(i) / static_cast<double>(grid.size()));
    const StepPart part(i, grid.size());
    body(i);
  }
}

}  // namespace detail

/// Shows an encoder a large image in tiles, as large as the support's size asks for; an image that
/// is no larger than a tile, as it is. It needs to know the support before it knows the tiles, so
/// `encode` keeps the image, and `similarity` encodes what it needs and keeps that.
///
/// @par Threads  Any number of threads, where the encoder allows it.
/// @par Memory  Working memory is one tile's; embeddings of all tiles are kept, for each size of
///   tiles that was asked for.
/// @par Source  this library.
template <ImageEncoder E>
requires std::copyable<typename E::Prototype>
class TiledEncoder {
 public:
  using Embedding = TiledEmbedding<E>;
  using Prototype = TiledPrototype<E>;

  /// @param size  TileOptions::size, not 0.
  TiledEncoder(E encoder, int size)
      : tiling_(std::make_shared<const Tiling<E>>(Tiling<E>{std::move(encoder), size})) {}

  Embedding encode(ImageView image) const { return {tiling_, Image::copy_of(image)}; }

  Prototype prototype(std::span<const EncodedExample<Embedding>> examples) const {
    const TileShape shape = shape_for(examples);
    std::deque<Mask> masks;  // so that nothing moves
    std::vector<std::shared_ptr<const typename E::Embedding>> held;
    std::vector<EncodedExample<typename E::Embedding>> own;
    for (const auto& example : examples) {
      const PixelBox frame = example.embedding->frame_about(example.mask->box, shape);
      held.push_back(example.embedding->at(frame));
      masks.push_back(detail::shifted(*example.mask, -frame.x0, -frame.y0));
      own.push_back(
          {held.back().get(), &masks.back(), {frame.width(), frame.height()}, example.negative});
    }
    Prototype made{
        tiling_->encoder.prototype(std::span<const EncodedExample<typename E::Embedding>>(own)),
        shape,
        {}};
    if constexpr (requires { made.own.notes; }) made.notes = made.own.notes;
    if (tiling_->wanted > 0 && shape.side > tiling_->wanted)
      made.notes.push_back(
          fmt::format("tiles of {} pixels are too small for the support's object; "
                      "they are {} pixels",
                      tiling_->wanted, shape.side));
    return made;
  }

  /// @throws InvalidArgument  a map of another size than its tile, or with values that are not
  ///   finite.
  FloatMap similarity(const Embedding& embedding, const Prototype& prototype, Size size) const {
    const TileGrid grid(embedding.image().size(), prototype.shape);
    if (grid.size() == 1)
      return tiling_->encoder.similarity(*embedding.at(grid[0].frame), prototype.own, size);
    FloatMap whole = FloatMap::Zero(grid.image().height, grid.image().width);
    detail::for_each_tile(grid, [&](std::size_t i) {
      const PixelBox& frame = grid[i].frame;
      const Size seen{frame.width(), frame.height()};
      const FloatMap map = tiling_->encoder.similarity(*embedding.at(frame), prototype.own, seen);
      if (size_of(map) != seen)
        throw InvalidArgument(fmt::format("encoder: similarity map of {}, expected the tile's {}",
                                          to_string(size_of(map)), to_string(seen)));
      require_finite(map, "similarity map");
      grid.blend(i, map, whole);
    });
    whole = whole.max(-1.0f).min(1.0f);  // weights are one but for rounding
    return size == grid.image() ? whole : resize_bilinear(whole, size);
  }

  /// What the encoder says of an object, seen in the tile that is about it.
  Eigen::RowVectorXf describe(const Embedding& embedding, const Mask& mask,
                              Size) const requires DescribesObjects<E> {
    const double diameter = equivalent_diameter(static_cast<double>(mask.area()));
    const int length = std::max(mask.box.width(), mask.box.height());
    const PixelBox frame = embedding.frame_about(mask.box, tiling_->shape(diameter, length));
    return tiling_->encoder.describe(*embedding.at(frame),
                                     detail::shifted(mask, -frame.x0, -frame.y0),
                                     {frame.width(), frame.height()});
  }

 private:
  TileShape shape_for(std::span<const EncodedExample<Embedding>> examples) const {
    std::vector<double> diameters;
    int length = 1;
    for (const auto& example : examples) {
      if (example.negative) continue;
      const Mask& mask = *example.mask;
      diameters.push_back(equivalent_diameter(static_cast<double>(mask.area())));
      length = std::max({length, mask.box.width(), mask.box.height()});
    }
    return tiling_->shape(detail::median(diameters), length);
  }

  std::shared_ptr<const Tiling<E>> tiling_;
};

}  // namespace persense
