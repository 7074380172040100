// expects: ImageEncoder
// expects: encoder.similarity(embedding, prototype, size)
#include "minimal_stages.hpp"

struct Encoder {
  using Embedding = MinimalEncoder::Embedding;
  using Prototype = MinimalEncoder::Prototype;
  Embedding encode(persense::ImageView) const { return {}; }
  Prototype prototype(std::span<const persense::EncodedExample<Embedding>>) const { return {}; }
#ifndef BREAK_CONTRACT
  persense::FloatMap similarity(const Embedding&, const Prototype&, persense::Size) const {
    return {};
  }
#endif
};

int main() { build_pipeline<Encoder>(); }
