// persense/tiles/stages.hpp: detector, density map generator and decoder that see a large image in
// tiles. Each asks the stage that it holds about every tile, or about those that a prompt is in.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "persense/exemplar.hpp"
#include "persense/similarity_boxes.hpp"
#include "persense/tiles/encoder.hpp"
#include "persense/tiles/query.hpp"

namespace persense {

namespace detail {

/// Detections of several tiles, each object once.
class MergedDetections {
 public:
  /// @param threshold  of the confidence, which a detection has to be above.
  MergedDetections(const TileGrid& grid, float threshold) : grid_(grid), threshold_(threshold) {}

  void add(std::size_t tile, std::span<const Detection> found) {
    const PixelBox& frame = grid_[tile].frame;
    for (const Detection& d : found) {
      if (!(d.confidence > threshold_)) continue;
      const Box box = shifted(d.box, frame.x0, frame.y0);
      all_.push_back({{box, d.confidence}, tile, grid_.cuts(tile, box)});
    }
  }

  /// What one tile sees as a whole stands for what another sees of it, unless that is far more
  /// confident; then the more confident box.
  std::vector<Detection> merged() && {
    std::stable_sort(all_.begin(), all_.end(), [](const Seen& a, const Seen& b) {
      return a.is_cut != b.is_cut ? b.is_cut : a.detection.confidence > b.detection.confidence;
    });
    std::vector<Seen> kept;
    for (const Seen& seen : all_)
      if (std::none_of(kept.begin(), kept.end(), [&](const Seen& k) { return same(k, seen); }))
        kept.push_back(seen);
    std::vector<Detection> detections;
    for (const Seen& seen : kept) detections.push_back(seen.detection);
    return detections;
  }

 private:
  struct Seen {
    Detection detection;
    std::size_t tile;
    bool is_cut;
  };

  /// Boxes of one tile are that detector's own matter.
  static bool same(const Seen& kept, const Seen& other) {
    constexpr float overlap = 0.5f, covered = 0.7f, comparable = 0.5f;
    if (kept.tile == other.tile) return false;
    if (kept.detection.confidence < comparable * other.detection.confidence) return false;
    const Box &a = kept.detection.box, &b = other.detection.box;
    const Box common{std::max(a.x0, b.x0), std::max(a.y0, b.y0), std::min(a.x1, b.x1),
                     std::min(a.y1, b.y1)};
    if (!(common.x0 < common.x1 && common.y0 < common.y1)) return false;
    return iou(a, b) > overlap || (other.is_cut && common.area() > covered * b.area());
  }

  const TileGrid& grid_;
  float threshold_;
  std::vector<Seen> all_;
};

/// A density map in another size, with the same sum.
inline FloatMap resized_density(const FloatMapView& map, Size size) {
  if (size_of(map) == size) return map;
  const double sum = map.cast<double>().sum();
  FloatMap resized = resize_antialiased(map, size);
  const double now = resized.cast<double>().sum();
  if (now > 0) resized *= static_cast<float>(sum / now);
  return resized;
}

}  // namespace detail

/// Asks a detector about every tile; an object that several of them show is found once.
/// @par Source  this library.
template <class D, ImageEncoder E>
requires DetectorFor<D, E>
class TiledDetector {
 public:
  /// @param threshold  DetectionOptions::threshold: weaker detections never stand for others.
  explicit TiledDetector(D detector, float threshold = 0)
      : detector_(std::move(detector)), threshold_(threshold) {}

  bool from_similarity() const { return is_from_similarity(detector_); }
  bool reads_text() const { return does_read_text(detector_); }

  template <HoldsTiledEncoder<E> Outer>
  Detections detect(const Query<Outer>& query) const {
    const detail::TiledQuery<E, Outer> tiles(query);
    const auto detect = [&](const Query<E>& tile) { return detector_.detect(tile); };
    if (tiles.grid().size() == 1) return tiles.ask(0, {}, detect);
    detail::MergedDetections label(tiles.grid(), threshold_), phrase(tiles.grid(), threshold_);
    detail::for_each_tile(tiles.grid(), [&](std::size_t i) {
      const Detections found = tiles.ask(i, {}, detect);
      label.add(i, found.label);
      phrase.add(i, found.phrase);
    });
    return {std::move(label).merged(), std::move(phrase).merged()};
  }

 private:
  D detector_;
  float threshold_;
};

/// Asks a density map generator about every tile, with the exemplars that lie in it. Where none
/// does, the place that is most similar to the support is one, if it stands out of the image
/// (as in similarity_boxes); otherwise nothing is counted there.
/// @par Source  this library.
template <class G, ImageEncoder E>
requires DmgFor<G, E>
class TiledDmg {
 public:
  explicit TiledDmg(G dmg) : dmg_(std::move(dmg)) {}

  /// @return  the generator's own map where one tile is all; else of the image's size.
  template <HoldsTiledEncoder<E> Outer>
  DensityMap density(const Query<Outer>& query) const {
    const detail::TiledQuery<E, Outer> tiles(query);
    const TileGrid& grid = tiles.grid();
    const auto density = [&](const Query<E>& tile) { return dmg_.density(tile); };
    if (grid.size() == 1) return tiles.ask(0, query.exemplars, density);
    std::optional<cv::Mat> similar;  // where the image is like the support
    DensityMap whole = DensityMap::Zero(grid.image().height, grid.image().width);
    detail::for_each_tile(tiles.grid(), [&](std::size_t i) {
      const PixelBox& frame = grid[i].frame;
      std::vector<Exemplar> exemplars = tiles.exemplars_in(i);
      if (exemplars.empty()) {
        if (!similar) similar = detail::standing_out(query.similarity);
        if (similar->empty()) return;
        const auto best = most_similar(query.similarity, *similar, grid[i], query.support.diameter);
        if (!best) return;
        exemplars.push_back({*best});
      }
      const DensityMap map = tiles.ask(i, exemplars, density);
      require_finite(map, "density map");
      grid.blend(i, detail::resized_density(map, {frame.width(), frame.height()}), whole);
    });
    return whole;
  }

 private:
  /// The place in a tile that is most similar over a support object's width.
  /// @param similar  where the image stands out: CV_8UC1. @return  in pixels of the image.
  static std::optional<Box> most_similar(const FloatMapView& similarity, const cv::Mat& similar,
                                         const Tile& tile, float diameter) {
    const PixelBox& frame = tile.frame;
    const int side = std::max(1, static_cast<int>(std::lround(diameter)));
    cv::Mat mean;  // what is beyond the edge is not seen
    cv::boxFilter(as_mat(similarity.block(frame.y0, frame.x0, frame.height(), frame.width())) + 1,
                  mean, CV_32F, {side, side}, {-1, -1}, true, cv::BORDER_CONSTANT);
    std::optional<Point> best;
    float most = 0;
    for (int y = tile.core.y0; y < tile.core.y1; ++y)
      for (int x = tile.core.x0; x < tile.core.x1; ++x)
        if (const float value = mean.at<float>(y - frame.y0, x - frame.x0);
            similar.at<std::uint8_t>(y, x) != 0 && value > most)
          best = Point{x, y}, most = value;
    if (!best) return std::nullopt;
    const PixelBox square{best->x - side / 2, best->y - side / 2, best->x - side / 2 + side,
                          best->y - side / 2 + side};
    return static_cast<Box>(intersection(square, frame));
  }

  G dmg_;
};

/// Asks a decoder about each prompt in the tile that answers for its point. A mask that ends at the
/// tile's edge goes on in the neighbour's: it is asked for what it sees of the same object, and the
/// two are one mask where they agree.
/// @par Source  this library.
template <class M, ImageEncoder E>
requires DecoderFor<M, E>
class TiledDecoder {
 public:
  explicit TiledDecoder(M decoder) : decoder_(std::move(decoder)) {}

  bool takes_boxes() const { return does_take_boxes(decoder_); }

  template <HoldsTiledEncoder<E> Outer>
  std::vector<ScoredMask> decode(const Query<Outer>& query, std::span<const Prompt> prompts) const {
    const detail::TiledQuery<E, Outer> tiles(query);
    std::vector<std::vector<std::size_t>> of_tile(tiles.grid().size());
    for (std::size_t i = 0; i < prompts.size(); ++i)
      of_tile[tiles.grid().at(prompts[i].point)].push_back(i);
    std::vector<ScoredMask> masks(prompts.size());
    detail::for_each_tile(tiles.grid(), [&](std::size_t t) {
      std::vector<Prompt> own;
      for (const std::size_t i : of_tile[t]) own.push_back(prompts[i]);
      std::vector<ScoredMask> found = decode_in(tiles, t, own);
      for (std::size_t k = 0; k < found.size(); ++k) {
        const std::size_t i = of_tile[t][k];
        masks[i] = whole(tiles, t, prompts[i], std::move(found[k]));
      }
    });
    return masks;
  }

  /// What a box or a point marks in an image of which no support is known: it is decoded in a tile
  /// about it, a larger one where the mask goes on beyond or there is none. The score is 1: marks
  /// have none.
  template <HoldsTiledEncoder<E> Outer>
  ScoredMask decode_mark(const MarkedImage<Outer>& image, const Prompt& mark) const {
    const TiledEmbedding<E>& tiled = tiled_embedding(image.embedding);
    const auto& tiling = tiled.tiling();
    const Size size = image.image.size();
    PixelBox about{mark.point.x, mark.point.y, mark.point.x + 1, mark.point.y + 1};
    if (mark.box) about = pixels_of(*mark.box, size);
    const int length = std::max(about.width(), about.height());
    // of a point nothing is known: as much as the encoder sees without shrinking it
    TileShape shape = tiling.shape(length, length);
    if (!mark.box && tiling.wanted < 0)
      shape.side = input_side_of(tiling.encoder).value_or(shape.side);
    for (;; shape.side *= 2) {
      const PixelBox frame = tiled.frame_about(about, shape);
      Mask mask = marked(tiled, frame, mark);
      const bool is_whole = frame == PixelBox{0, 0, size.width, size.height};
      const bool may_go_on =
          mask.empty() || TileGrid::cuts(frame, size, static_cast<Box>(mask.box));
      if (is_whole || !may_go_on) return {std::move(mask), 1.0f};
    }
  }

 private:
  /// The inner decoder's mask of a mark, seen in a part of the image.
  Mask marked(const TiledEmbedding<E>& tiled, const PixelBox& frame, Prompt mark) const {
    const EncodedImage<E> part(Image::copy_of(tiled.image().view().part(frame)), *tiled.at(frame));
    mark.point = {mark.point.x - frame.x0, mark.point.y - frame.y0};
    if (mark.box) mark.box = detail::shifted(*mark.box, -frame.x0, -frame.y0);
    using detail::decoded_mark;  // or a decoder's own
    return detail::shifted(decoded_mark(tiled.tiling().encoder, decoder_, part, mark), frame.x0,
                           frame.y0);
  }

  /// @param prompts  and masks in pixels of the image.
  template <class Tiles>
  std::vector<ScoredMask> decode_in(const Tiles& tiles, std::size_t tile,
                                    std::vector<Prompt> prompts) const {
    if (prompts.empty()) return {};
    const PixelBox& frame = tiles.grid()[tile].frame;
    for (Prompt& p : prompts) {
      p.point = {p.point.x - frame.x0, p.point.y - frame.y0};
      if (p.box) p.box = detail::shifted(*p.box, -frame.x0, -frame.y0);
    }
    auto masks = tiles.ask(tile, tiles.exemplars_in(tile), [&](const Query<E>& query) {
      return detail::masks_of(decoder_, query, prompts);
    });
    for (ScoredMask& m : masks) m.mask = detail::shifted(std::move(m.mask), frame.x0, frame.y0);
    return masks;
  }

  /// A mask with what other tiles see of the same object.
  template <class Tiles>
  ScoredMask whole(const Tiles& tiles, std::size_t tile, const Prompt& prompt,
                   ScoredMask mask) const {
    constexpr std::size_t most = 16;  // tiles: what goes on for longer is hardly an object
    const TileGrid& grid = tiles.grid();
    const auto goes_on = [&grid](std::size_t i, const Mask& part) {
      return !part.empty() && grid.cuts(i, static_cast<Box>(part.box));
    };
    if (!goes_on(tile, mask.mask)) return mask;
    std::set<std::size_t> seen{tile};
    std::vector<std::pair<std::size_t, Mask>> parts{{tile, mask.mask}};  // to be looked beyond
    while (!parts.empty()) {
      const auto [of, part] = std::move(parts.back());
      parts.pop_back();
      for (std::size_t next = 0; next < grid.size() && seen.size() < most; ++next) {
        if (intersection(part.box, grid[next].core).empty()) continue;
        const Mask beyond = detail::clipped(part, grid[next].core);
        if (beyond.empty() || !seen.insert(next).second) continue;
        const Prompt there{most_interior(beyond), prompt.role};
        ScoredMask other = std::move(decode_in(tiles, next, {there})[0]);
        if (!agree(part, grid[of].frame, other.mask, grid[next].frame)) continue;
        mask = {united(mask.mask, other.mask), std::min(mask.score, other.score)};
        if (goes_on(next, other.mask)) parts.emplace_back(next, std::move(other.mask));
      }
    }
    return mask;
  }

  /// Whether two masks are of one object, where both tiles see it.
  static bool agree(const Mask& a, const PixelBox& frame_a, const Mask& b,
                    const PixelBox& frame_b) {
    constexpr float alike = 0.5f;  // intersection over union
    const PixelBox both = intersection(frame_a, frame_b);
    return detail::iou(detail::clipped(a, both), detail::clipped(b, both)) > alike;
  }

  M decoder_;
};

}  // namespace persense
