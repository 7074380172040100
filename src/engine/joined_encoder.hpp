// joined_encoder.hpp: several encoders as one, so that stages of any kind find what they work on.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "persense/classic/encoder.hpp"

namespace persense {

/// What the encoders in use made of an image.
template <ImageEncoder... Encoders>
struct JoinedEmbedding {
  std::tuple<std::optional<typename Encoders::Embedding>...> parts;

  template <class Part>
  const Part& part() const {
    return *std::get<std::optional<Part>>(parts);
  }
};

/// What they made of the support object.
template <ImageEncoder... Encoders>
struct JoinedPrototype {
  std::tuple<std::optional<typename Encoders::Prototype>...> parts;
  std::vector<std::string> notes;

  template <class Part>
  const Part& part() const {
    return *std::get<std::optional<Part>>(parts);
  }
};

template <class... Encoders>
const classic::ClassicEmbedding& classic_embedding(const JoinedEmbedding<Encoders...>& e) {
  return e.template part<classic::ClassicEmbedding>();
}
template <class... Encoders>
const classic::ClassicPrototype& classic_prototype(const JoinedPrototype<Encoders...>& p) {
  return p.template part<classic::ClassicPrototype>();
}

/// Those of the encoders that the slots ask for; no other computes anything. The one in the
/// encoder's slot says what is similar, the others serve the stages that were made for them.
template <ImageEncoder... Encoders>
class JoinedEncoder {
 public:
  using Embedding = JoinedEmbedding<Encoders...>;
  using Prototype = JoinedPrototype<Encoders...>;

  /// @param main  the one that says what is similar.
  template <class Main>
  explicit JoinedEncoder(Main main) : similarity_(&JoinedEncoder::similarity_by<Main>) {
    add(std::move(main));
  }

  template <class Encoder>
  void add(Encoder encoder) {
    get<Encoder>() = std::move(encoder);
  }
  template <class Encoder>
  bool has() const {
    return get<Encoder>().has_value();
  }

  /// @pre has<Encoder>()
  template <class Encoder>
  const Encoder& part() const {
    return *get<Encoder>();
  }

  Embedding encode(ImageView image) const {
    Embedding all;
    (encode_by<Encoders>(image, all), ...);
    return all;
  }
  Prototype prototype(std::span<const EncodedExample<Embedding>> examples) const {
    Prototype all;
    (prototype_by<Encoders>(examples, all), ...);
    return all;
  }
  FloatMap similarity(const Embedding& embedding, const Prototype& prototype, Size size) const {
    return (this->*similarity_)(embedding, prototype, size);
  }

 private:
  template <class Encoder>
  std::optional<Encoder>& get() {
    return std::get<std::optional<Encoder>>(encoders_);
  }
  template <class Encoder>
  const std::optional<Encoder>& get() const {
    return std::get<std::optional<Encoder>>(encoders_);
  }

  template <class Encoder>
  void encode_by(ImageView image, Embedding& all) const {
    using Part = typename Encoder::Embedding;
    if (has<Encoder>()) std::get<std::optional<Part>>(all.parts) = part<Encoder>().encode(image);
  }

  template <class Encoder>
  void prototype_by(std::span<const EncodedExample<Embedding>> examples, Prototype& all) const {
    using Part = typename Encoder::Prototype;
    if (!has<Encoder>()) return;
    std::vector<EncodedExample<typename Encoder::Embedding>> own;
    for (const auto& e : examples)
      own.push_back({&e.embedding->template part<typename Encoder::Embedding>(), e.mask, e.image,
                     e.negative});
    Part made = part<Encoder>().prototype(
        std::span<const EncodedExample<typename Encoder::Embedding>>(own));
    if constexpr (requires { made.notes; })
      all.notes.insert(all.notes.end(), made.notes.begin(), made.notes.end());
    std::get<std::optional<Part>>(all.parts) = std::move(made);
  }

  template <class Encoder>
  FloatMap similarity_by(const Embedding& embedding, const Prototype& prototype, Size size) const {
    return part<Encoder>().similarity(embedding.template part<typename Encoder::Embedding>(),
                                      prototype.template part<typename Encoder::Prototype>(), size);
  }

  FloatMap (JoinedEncoder::*similarity_)(const Embedding&, const Prototype&, Size) const;
  std::tuple<std::optional<Encoders>...> encoders_;
};

}  // namespace persense
