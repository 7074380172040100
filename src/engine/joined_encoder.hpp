// joined_encoder.hpp: an encoder archive beside the weight-free one, so that stages of either kind
// find what they work on.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "persense/classic/encoder.hpp"
#include "persense/torch/encoder.hpp"

namespace persense {

struct JoinedEmbedding {
  torchscript::TorchEmbedding torch;
  classic::ClassicEmbedding classic;
};

struct JoinedPrototype {
  torchscript::TorchPrototype torch;
  classic::ClassicPrototype classic;
  std::vector<std::string> notes;
};

inline const torchscript::TorchEmbedding& torch_embedding(const JoinedEmbedding& e) {
  return e.torch;
}
inline const torchscript::TorchPrototype& torch_prototype(const JoinedPrototype& p) {
  return p.torch;
}
inline const classic::ClassicEmbedding& classic_embedding(const JoinedEmbedding& e) {
  return e.classic;
}
inline const classic::ClassicPrototype& classic_prototype(const JoinedPrototype& p) {
  return p.classic;
}

/// The archive says what is similar; the weight-free stages make their pieces from pixels, finer
/// than any encoder's cells.
class JoinedEncoder {
 public:
  using Embedding = JoinedEmbedding;
  using Prototype = JoinedPrototype;

  explicit JoinedEncoder(torchscript::TorchEncoder archive) : archive_(std::move(archive)) {}

  Embedding encode(ImageView image, float hint) const {
    return {archive_.encode(image, hint), weight_free_.encode(image, hint)};
  }
  Prototype prototype(const Embedding& embedding, MaskView mask) const {
    auto torch = archive_.prototype(embedding.torch, mask);
    auto notes = torch.notes;
    return {std::move(torch), weight_free_.prototype(embedding.classic, mask), std::move(notes)};
  }
  FloatMap similarity(const Embedding& embedding, const Prototype& prototype, Size size) const {
    return archive_.similarity(embedding.torch, prototype.torch, size);
  }

 private:
  torchscript::TorchEncoder archive_;
  classic::ClassicEncoder weight_free_;
};

static_assert(ImageEncoder<JoinedEncoder>);
static_assert(torchscript::HoldsTorchEncoder<JoinedEncoder>);
static_assert(classic::HoldsClassicEncoder<JoinedEncoder>);

}  // namespace persense
