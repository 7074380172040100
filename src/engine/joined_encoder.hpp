// joined_encoder.hpp: any encoder beside the weight-free one, so that stages of either kind find
// what they work on.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "persense/classic/encoder.hpp"

namespace persense {

template <ImageEncoder Main>
struct JoinedEmbedding {
  typename Main::Embedding main;
  classic::ClassicEmbedding classic;
};

template <ImageEncoder Main>
struct JoinedPrototype {
  typename Main::Prototype main;
  classic::ClassicPrototype classic;
  std::vector<std::string> notes;
};

template <ImageEncoder Main>
const classic::ClassicEmbedding& classic_embedding(const JoinedEmbedding<Main>& e) {
  return e.classic;
}
template <ImageEncoder Main>
const classic::ClassicPrototype& classic_prototype(const JoinedPrototype<Main>& p) {
  return p.classic;
}

/// The main encoder says what is similar; the weight-free stages make their pieces from pixels,
/// finer than any encoder's cells.
template <ImageEncoder Main>
class JoinedEncoder {
 public:
  using Embedding = JoinedEmbedding<Main>;
  using Prototype = JoinedPrototype<Main>;

  explicit JoinedEncoder(Main main) : main_(std::move(main)) {}

  Embedding encode(ImageView image, float hint) const {
    return {main_.encode(image, hint), weight_free_.encode(image, hint)};
  }
  Prototype prototype(const Embedding& embedding, MaskView mask) const {
    auto main = main_.prototype(embedding.main, mask);
    std::vector<std::string> notes;
    if constexpr (requires { main.notes; }) notes = main.notes;
    return {std::move(main), weight_free_.prototype(embedding.classic, mask), std::move(notes)};
  }
  FloatMap similarity(const Embedding& embedding, const Prototype& prototype, Size size) const {
    return main_.similarity(embedding.main, prototype.main, size);
  }

 private:
  Main main_;
  classic::ClassicEncoder weight_free_;
};

}  // namespace persense
