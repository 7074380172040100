// persense/tiles/grid.hpp: how an image is cut into tiles, and how maps of them become one map.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "persense/geometry.hpp"
#include "persense/maps.hpp"

namespace persense {

/// Sides of tiles, pixels of the image.
struct TileShape {
  int side = 0;     ///< at most; at least three times the overlap
  int overlap = 0;  ///< of neighbours
  bool operator==(const TileShape&) const = default;
};

namespace detail {

/// The next of lengths that are half an octave apart, up or down, so that supports of like size
/// share tiles.
inline int half_octave(double length, bool up) {
  const double steps = 2 * std::log2(std::max(1.0, length));
  const double length_there = std::exp2((up ? std::ceil(steps) : std::floor(steps)) / 2);
  return static_cast<int>(up ? std::ceil(length_there) : std::floor(length_there));
}

}  // namespace detail

/// The tiles that objects of a size need. An object twice as long as the support's is whole in the
/// tile that answers for its middle.
/// @param wanted  side, pixels; below 0: such that the encoder sees the support object at least
///   `seen` pixels wide, but no tile is enlarged more than twice.
/// @param input_side  longest side of what the encoder sees; none: of any image's own size, which
///   needs no tiles unless they are `wanted`.
/// @param diameter, length  of the support object: of the disc with its area, and of its box's
///   longest side; pixels.
/// @par Source  this library. `seen` is the size below which COCO calls an object small; what
///   SAM-like decoders lose there is well known.
inline TileShape tile_shape(int wanted, std::optional<int> input_side, double diameter,
                            double length) {
  constexpr double seen = 32;
  constexpr int no_tiles = std::numeric_limits<int>::max() / 4;
  int side = wanted;
  if (wanted < 0 && !input_side) side = no_tiles;
  if (wanted < 0 && input_side)
    side = detail::half_octave(
        std::min<double>(no_tiles, *input_side * std::max(0.5, diameter / seen)), false);
  const int context = side == no_tiles ? 0 : side / 8;
  const int overlap = detail::half_octave(std::max<double>(2 * length, context), true);
  return {std::max(side, 3 * overlap), overlap};
}

/// A tile: what its stages see, and the part of it that it answers for. The latter are apart and
/// cover the image.
struct Tile {
  PixelBox frame, core;
};

/// Tiles of about one size that cover an image, row by row; one where the image is no larger.
/// Neighbours overlap as the shape says, or by a pixel more; no point is in more than two columns
/// and two rows of them.
class TileGrid {
 public:
  TileGrid(Size image, const TileShape& shape)
      : image_(image), across_(image.width, shape), down_(image.height, shape) {
    for (const Span& row : down_.spans)
      for (const Span& column : across_.spans)
        tiles_.push_back({{column.begin, row.begin, column.end, row.end},
                          {column.core_begin, row.core_begin, column.core_end, row.core_end}});
  }

  Size image() const { return image_; }
  std::size_t size() const { return tiles_.size(); }
  const Tile& operator[](std::size_t i) const { return tiles_[i]; }

  /// The tile that answers for a point, which may lie outside the image.
  std::size_t at(Point p) const { return down_.at(p.y) * across_.spans.size() + across_.at(p.x); }

  /// Whether a box reaches an edge of a tile beyond which the image goes on: what it shows may.
  bool cuts(std::size_t i, const Box& box) const { return cuts(tiles_[i].frame, image_, box); }
  static bool cuts(const PixelBox& frame, Size image, const Box& box) {
    constexpr float near = 1;  // pixels: a box of a network seldom ends at the edge to the pixel
    const Box inner{static_cast<float>(frame.x0) + near, static_cast<float>(frame.y0) + near,
                    static_cast<float>(frame.x1) - near, static_cast<float>(frame.y1) - near};
    return (frame.x0 > 0 && box.x0 < inner.x0) || (frame.y0 > 0 && box.y0 < inner.y0) ||
           (frame.x1 < image.width && box.x1 > inner.x1) ||
           (frame.y1 < image.height && box.y1 > inner.y1);
  }

  /// Adds a map of a tile's size to one of the image's. In the middle half of an overlap one tile
  /// fades into the other; in the quarter at its edge, where objects are cut, it says nothing. The
  /// weights of all tiles are one at every pixel.
  void blend(std::size_t i, const FloatMapView& map, FloatMap& whole) const {
    const PixelBox& frame = tiles_[i].frame;
    const auto columns = across_.weights(i % across_.spans.size());
    const auto rows = down_.weights(i / across_.spans.size());
    for (Eigen::Index y = 0; y < rows.size(); ++y)
      whole.row(frame.y0 + y).segment(frame.x0, columns.size()) += rows(y) * columns * map.row(y);
  }

 private:
  struct Span {
    int begin, end, core_begin, core_end;
  };

  /// The tiles along one side of the image.
  struct Axis {
    using Weights = Eigen::Array<float, 1, Eigen::Dynamic>;

    Axis(int length, const TileShape& shape) {
      const int stride = shape.side - shape.overlap;
      const int count =
          length <= shape.side
              ? 1
              : 1 + static_cast<int>((std::int64_t{length} - shape.side + stride - 1) / stride);
      // no longer than it takes: the last tile would else repeat most of the one before it
      const int side = count == 1 ? length : (length + (count - 1) * shape.overlap - 1) / count + 1;
      for (std::int64_t i = 0; i < count; ++i) {
        const int begin =
            count == 1 ? 0 : static_cast<int>(i * (length - side) / (std::int64_t{count} - 1));
        spans.push_back({begin, begin + side, begin, begin + side});
      }
      for (std::size_t i = 1; i < spans.size(); ++i)
        spans[i - 1].core_end = spans[i].core_begin = (spans[i].begin + spans[i - 1].end) / 2;
    }

    std::size_t at(int position) const {
      std::size_t i = 0;
      while (i + 1 < spans.size() && position >= spans[i].core_end) ++i;
      return i;
    }

    /// How much a tile says at each of its pixels.
    Weights weights(std::size_t i) const {
      const Span& span = spans[i];
      Weights all = Weights::Ones(span.end - span.begin);
      const auto fade = [&](const Span& left, const Span& right, bool out) {
        const auto overlap = static_cast<float>(left.end - right.begin);
        for (int p = right.begin; p < left.end; ++p) {
          const float part = (static_cast<float>(p - right.begin) + 0.5f) / overlap;
          const float in = std::clamp(2 * part - 0.5f, 0.0f, 1.0f);
          all(p - span.begin) = out ? 1 - in : in;
        }
      };
      if (i > 0) fade(spans[i - 1], span, false);
      if (i + 1 < spans.size()) fade(span, spans[i + 1], true);
      return all;
    }

    std::vector<Span> spans;
  };

  Size image_;
  Axis across_, down_;
  std::vector<Tile> tiles_;
};

}  // namespace persense
