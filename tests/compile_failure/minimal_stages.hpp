// The least that meets each contract. Every file beside this one compiles as it stands. With
// BREAK_CONTRACT it breaks one contract: it must not compile then, and the compiler's message must
// hold what the file's first lines expect.
#pragma once

#include "persense/pipeline.hpp"

struct MinimalEncoder {
  struct Embedding {};
  struct Prototype {};
  Embedding encode(persense::ImageView) const { return {}; }
  Prototype prototype(std::span<const persense::EncodedExample<Embedding>>) const { return {}; }
  persense::FloatMap similarity(const Embedding&, const Prototype&, persense::Size size) const {
    return persense::FloatMap::Zero(size.height, size.width);
  }
};

template <class Encoder>
struct MinimalDetector {
  persense::Detections detect(const persense::Query<Encoder>&) const { return {}; }
};

template <class Encoder>
struct MinimalDmg {
  persense::DensityMap density(const persense::Query<Encoder>& query) const {
    return persense::DensityMap::Zero(query.image.height, query.image.width);
  }
};

template <class Encoder>
struct MinimalDecoder {
  std::vector<persense::ScoredMask> decode(const persense::Query<Encoder>&,
                                           std::span<const persense::Prompt> prompts) const {
    return std::vector<persense::ScoredMask>(prompts.size());
  }
};

/// What each file instantiates: minimal stages, except the ones it names.
template <class Encoder = MinimalEncoder, class Detector = MinimalDetector<Encoder>,
          class Dmg = MinimalDmg<Encoder>, class Decoder = MinimalDecoder<Encoder>>
void build_pipeline() {
  const persense::Pipeline<Encoder, Detector, Dmg, Decoder> pipeline(Encoder{}, Detector{}, Dmg{},
                                                                     Decoder{});
  (void)pipeline;
}
