// persense/classic/encoder.hpp: the weight-free encoder.
#pragma once

#include <concepts>
#include <memory>
#include <span>

#include "persense/stages.hpp"

namespace persense::classic {

class ScaledImages;
struct ObjectModel;

/// An image, with what the stages derived from it. Cheap to copy (copies share everything).
/// @par Threads  Safe; what is derived is computed once.
class ClassicEmbedding {
 public:
  /// @param image  is copied.
  explicit ClassicEmbedding(ImageView image);

  const ScaledImages& images() const { return *images_; }  ///< for the stages' own use

 private:
  std::shared_ptr<const ScaledImages> images_;
};

/// What the support object looks like. Immutable and cheap to copy.
class ClassicPrototype {
 public:
  explicit ClassicPrototype(ObjectModel model);

  const ObjectModel& model() const { return *model_; }  ///< for the stages' own use

 private:
  std::shared_ptr<const ObjectModel> model_;
};

/// A weight-free encoder: colours (and texture) along the direction in which the support object
/// stands out from what surrounds it.
/// @par Threads  Stateless; any number of threads.
/// @par Source  this library.
class ClassicEncoder {
 public:
  using Embedding = ClassicEmbedding;
  using Prototype = ClassicPrototype;

  Embedding encode(ImageView image) const { return Embedding(image); }
  Prototype prototype(std::span<const EncodedExample<Embedding>> examples) const;
  /// 0 where a pixel looks as much like background as like the object, 1 where like the object.
  FloatMap similarity(const Embedding& embedding, const Prototype& prototype, Size size) const;
};

/// The classic part of an encoder's embedding and prototype. An encoder that joins this one with
/// another overloads both in the namespace of its own types.
inline const ClassicEmbedding& classic_embedding(const ClassicEmbedding& e) { return e; }
inline const ClassicPrototype& classic_prototype(const ClassicPrototype& p) { return p; }

/// An encoder whose embedding and prototype hold ClassicEncoder's.
template <class E>
concept HoldsClassicEncoder = requires(const typename E::Embedding& embedding,
                                       const typename E::Prototype& prototype) {
  { classic_embedding(embedding) } -> std::same_as<const ClassicEmbedding&>;
  { classic_prototype(prototype) } -> std::same_as<const ClassicPrototype&>;
};

/// The part of a query that the classic stages work on. Borrowed for the call.
struct ClassicQuery {
  Size image;
  const ClassicEmbedding& embedding;
  const ClassicPrototype& prototype;
  std::span<const Exemplar> exemplars;  ///< of the current pass

  template <HoldsClassicEncoder E>
  explicit ClassicQuery(const Query<E>& query)
      : image(query.image.size()),
        embedding(classic_embedding(query.embedding)),
        prototype(classic_prototype(query.support.prototype)),
        exemplars(query.exemplars) {}
};

}  // namespace persense::classic
