// Tiles: parts of a working image that mini's network sees one at a time.
#pragma once

#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "persense/mini/cut.hpp"

namespace persense::torchscript {

/// Lengths are in pixels of the working image. It is mirrored beyond its sides, `border` to the
/// left and above and as much or a little more to the right and below.
struct Tiling {
  static constexpr int multiple = 16;  ///< of the network's input sides
  static constexpr int border = 16;
  static constexpr int margin = 80;    ///< seen around a tile. What lies beyond moves a probability
                                       ///< by .0002 in the mean; the one of a tile that it moves
                                       ///< most, by .014
  static constexpr int longest = 544;  ///< side of a tile, without its margins
};

/// A part of a working image that the network sees at a time.
struct Tile {
  cv::Rect seen;  ///< in the mirrored working image
  cv::Rect kept;  ///< of the maps' cells, in the whole picture's maps
  cv::Point at;   ///< where `kept` begins in the tile's own maps
};

namespace detail {

inline int rounded_up(int length) {
  return (length + Tiling::multiple - 1) / Tiling::multiple * Tiling::multiple;
}

inline int mirrored(int length) { return rounded_up(length + 2 * Tiling::border); }

/// How the tiles lie along one side.
struct Spans {
  struct Span {
    int seen;        ///< where what is seen begins, in the mirrored image
    int begin, end;  ///< of what is kept, in the image
  };
  std::vector<Span> spans;
  int seen;  ///< how much of it each sees: equally much, so that it can have the memory of the last

  Spans(int length, bool whole) {
    const int parts = whole ? 1 : (length + Tiling::longest - 1) / Tiling::longest;
    const int own = rounded_up((length + parts - 1) / parts), all = mirrored(length);
    seen = parts == 1 ? all : std::min(all, rounded_up(own + 2 * Tiling::margin));
    for (int begin = 0; begin < length; begin += own) {
      const int from = std::max(0, begin + Tiling::border - Tiling::margin);
      spans.push_back({std::min(from / Tiling::multiple * Tiling::multiple, all - seen), begin,
                       std::min(length, begin + own)});
    }
  }
};

}  // namespace detail

/// Tiles whose `kept` parts cover the maps of a working image, each cell once.
/// @param most  pixels, mirrored ones included, up to which it is one tile.
inline std::vector<Tile> tiles_of(cv::Size work, double most) {
  const bool whole =
      static_cast<double>(detail::mirrored(work.width)) * detail::mirrored(work.height) <= most;
  const detail::Spans across(work.width, whole), down(work.height, whole);
  constexpr int s = mini::stride;
  std::vector<Tile> tiles;
  for (const auto& y : down.spans)
    for (const auto& x : across.spans) {
      const cv::Rect kept(cv::Point(x.begin / s, y.begin / s),
                          cv::Point((x.end + s - 1) / s, (y.end + s - 1) / s));
      const cv::Point beyond(Tiling::border - x.seen, Tiling::border - y.seen);
      tiles.push_back(
          {cv::Rect(x.seen, y.seen, across.seen, down.seen), kept, beyond / s + kept.tl()});
    }
  return tiles;
}

/// What a tile sees of a picture.
inline cv::Mat seen_of(const cv::Mat& picture, const Tile& tile) {
  const cv::Rect wanted(tile.seen.tl() - cv::Point(Tiling::border, Tiling::border),
                        tile.seen.size());
  const cv::Rect inside = wanted & cv::Rect({}, picture.size());
  cv::Mat seen;
  cv::copyMakeBorder(picture(inside), seen, inside.y - wanted.y, wanted.br().y - inside.br().y,
                     inside.x - wanted.x, wanted.br().x - inside.br().x,
                     cv::BORDER_REFLECT_101 | cv::BORDER_ISOLATED);
  return seen;
}

}  // namespace persense::torchscript
