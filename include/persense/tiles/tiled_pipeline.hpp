// persense/tiles/tiled_pipeline.hpp: any four stages as a pipeline that sees large images in tiles.
#pragma once

#include <utility>

#include "persense/pipeline.hpp"
#include "persense/tiles/stages.hpp"

namespace persense {

/// @param options  `tiles.size` is not 0. Below 0, the encoder says how large an image it sees (see
///   ImageEncoder); one that does not gets images as they are.
/// @throws InvalidArgument  as Pipeline's constructor, and for a `tiles.size` of 0.
template <ImageEncoder E, DetectorFor<E> D, DmgFor<E> G, DecoderFor<E> M>
auto tiled_pipeline(E encoder, D detector, G dmg, M decoder, const Options& options) {
  if (options.tiles.size == 0)
    throw InvalidArgument("option tiles.size: got 0, expected -1 or the side of a tile in pixels");
  return Pipeline(TiledEncoder<E>(std::move(encoder), options.tiles.size),
                  TiledDetector<D, E>(std::move(detector), options.detection.threshold),
                  TiledDmg<G, E>(std::move(dmg)), TiledDecoder<M, E>(std::move(decoder)), options);
}

}  // namespace persense
