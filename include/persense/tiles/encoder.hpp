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

#include "persense/detail/marking.hpp"
#include "persense/detail/memo.hpp"
#include "persense/options.hpp"
#include "persense/progress.hpp"
#include "persense/resize.hpp"
#include "persense/stages.hpp"
#include "persense/support.hpp"
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

/// Tiles of an image that were encoded.
template <ImageEncoder E>
struct EncodedTiles {
  TileGrid grid;
  std::vector<typename E::Embedding> embeddings;  ///< one for each tile
};

/// An image that is encoded in tiles as soon as it is known how large they have to be. Cheap to
/// copy (copies share everything); holds a copy of the image.
/// @par Threads  Safe; tiles of a shape are encoded once.
template <ImageEncoder E>
class TiledEmbedding {
 public:
  TiledEmbedding(std::shared_ptr<const Tiling<E>> tiling, Image image)
      : tiling_(std::move(tiling)),
        image_(std::move(image)),
        known_(std::make_shared<Known>(most)) {}

  const Tiling<E>& tiling() const { return *tiling_; }
  const Image& image() const { return image_; }

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

  /// @throws what the encoder does; Cancelled.
  std::shared_ptr<const EncodedTiles<E>> tiles(const TileShape& shape) const {
    return known_->get(shape, [&] {
      EncodedTiles<E> made{TileGrid(image_.size(), shape), {}};
      made.embeddings.reserve(made.grid.size());
      for (std::size_t i = 0; i < made.grid.size(); ++i) {
        report_progress(static_cast<double>(i) / static_cast<double>(made.grid.size()));
        made.embeddings.push_back(tiling_->encoder.encode(image_.view().part(made.grid[i].frame)));
      }
      return made;
    });
  }

 private:
  using Known = detail::Memo<TileShape, EncodedTiles<E>>;
  static constexpr std::size_t most = 4;  // shapes: classes of objects of very different sizes

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

/// Shows an encoder a large image in tiles, as large as the support's size asks for; an image that
/// is no larger than a tile, as it is. It needs to know the support before it knows the tiles, so
/// `encode` keeps the image, and `similarity` encodes what it needs and keeps that.
///
/// @par Threads  Any number of threads, where the encoder allows it.
/// @par Memory  Working memory is one tile's; embeddings of all tiles are kept.
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
    std::deque<Window> windows;  // so that nothing moves
    std::deque<Mask> masks;
    std::vector<EncodedExample<typename E::Embedding>> own;
    for (const auto& example : examples) {
      const Window& window = window_of(example, shape, windows);
      masks.push_back(detail::shifted(*example.mask, -window.frame.x0, -window.frame.y0));
      own.push_back({&window.embedding,
                     &masks.back(),
                     {window.frame.width(), window.frame.height()},
                     example.negative});
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

  FloatMap similarity(const Embedding& embedding, const Prototype& prototype, Size size) const {
    const auto tiles = embedding.tiles(prototype.shape);
    const TileGrid& grid = tiles->grid;
    const auto of_tile = [&](std::size_t i) {
      const PixelBox& frame = grid[i].frame;
      return tiling_->encoder.similarity(tiles->embeddings[i], prototype.own,
                                         {frame.width(), frame.height()});
    };
    if (grid.size() == 1) return of_tile(0);
    FloatMap whole = FloatMap::Zero(grid.image().height, grid.image().width);
    for (std::size_t i = 0; i < grid.size(); ++i) {
      report_progress(static_cast<double>(i) / static_cast<double>(grid.size()));
      grid.blend(i, of_tile(i), whole);
    }
    whole = whole.max(-1.0f).min(1.0f);  // weights are one but for rounding
    return size == grid.image() ? whole : resize_bilinear(whole, size);
  }

 private:
  /// A part of a support image.
  struct Window {
    const Embedding* image;
    PixelBox frame;
    typename E::Embedding embedding;
  };

  TileShape shape_for(std::span<const EncodedExample<Embedding>> examples) const {
    std::vector<double> diameters;
    int length = 1;
    for (const auto& example : examples) {
      if (example.negative) continue;
      const Mask& mask = *example.mask;
      diameters.push_back(equivalent_diameter(static_cast<double>(mask.area())));
      length = std::max({length, mask.box.width(), mask.box.height()});
    }
    std::sort(diameters.begin(), diameters.end());
    return tiling_->shape(diameters.empty() ? 1.0 : diameters[diameters.size() / 2], length);
  }

  /// The one in which an example lies with its surroundings, made where there is none.
  const Window& window_of(const EncodedExample<Embedding>& example, const TileShape& shape,
                          std::deque<Window>& windows) const {
    const Embedding& image = *example.embedding;
    const Size size = image.image().size();
    const PixelBox& box = example.mask->box;
    const int margin = shape.overlap / 2;
    const PixelBox around =
        intersection({box.x0 - margin, box.y0 - margin, box.x1 + margin, box.y1 + margin},
                     {0, 0, size.width, size.height});
    for (const Window& window : windows)
      if (window.image == &image && intersection(window.frame, around) == around) return window;
    // an example larger than a tile is of another size than most
    const int side = std::max({shape.side, around.width(), around.height()});
    const PixelBox frame = image.window(box, side);
    return windows.emplace_back(
        Window{&image, frame, tiling_->encoder.encode(image.image().view().part(frame))});
  }

  std::shared_ptr<const Tiling<E>> tiling_;
};

}  // namespace persense
