// persense/stages.hpp: the four contracts a pipeline is made of.
//
// A concept checks signatures. What it cannot check (shapes, ranges, meaning, threads) stands in
// the comment above it and is part of the contract all the same.
#pragma once

#include <fmt/core.h>

#include <concepts>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "persense/geometry.hpp"
#include "persense/image.hpp"
#include "persense/maps.hpp"
#include "persense/mask.hpp"
#include "persense/result.hpp"
#include "persense/scale_weights.hpp"
#include "persense/support.hpp"

namespace persense {

/// One marked object of an image that was encoded. Everything is borrowed for the call.
template <class Embedding>
struct EncodedExample {
  const Embedding* embedding;
  const Mask* mask;       ///< not empty; to_frame(*mask, image) makes a full frame of it
  Size image;             ///< of the image that was encoded
  bool negative = false;  ///< "not these"
};

/// ImageEncoder: turns an image into an embedding, and compares embeddings with a prototype.
///
/// - `typename Embedding`, `typename Prototype`: whatever the encoder likes; they stay where it
///   puts them (an embedding on a GPU never visits the host on the pipeline's account).
/// - `encode(image) -> Embedding`. It knows no support object, so that one embedding serves any
///   number of them. An encoder that works at the object's scale computes what it needs at that
///   scale when it is first asked for, and keeps it by scale (safe for several threads).
/// - `prototype(examples) -> Prototype`, of one or more examples in one or more embeddings, at
///   least one of them not negative. Nothing computed for one prototype may reach another. A
///   prototype may have `std::vector<std::string> notes`: lines for the user, part of every result.
/// - `similarity(embedding, prototype, size) -> FloatMap` of shape (size.height, size.width), every
///   value in [-1, 1] (eq. 1 of the paper). Below 0 where a negative example explains a pixel
///   better.
///
/// All three are const and may be called from several threads at once.
///
/// An encoder may have `std::optional<int> input_side() const` (or `int`): the longest side, in
/// pixels, of what it sees; larger images are shrunk to it. See tiles/tiled_pipeline.hpp.
template <class E>
concept ImageEncoder = std::movable<E> && std::movable<typename E::Embedding> &&
    std::movable<typename E::Prototype> &&
    requires(const E& encoder, ImageView image, const typename E::Embedding& embedding,
             std::span<const EncodedExample<typename E::Embedding>> examples,
             const typename E::Prototype& prototype, Size size) {
  { encoder.encode(image) } -> std::same_as<typename E::Embedding>;
  { encoder.prototype(examples) } -> std::same_as<typename E::Prototype>;
  { encoder.similarity(embedding, prototype, size) } -> std::same_as<FloatMap>;
};

/// What an encoder says of itself; nothing when it sees images of any size, or does not say.
template <ImageEncoder E>
std::optional<int> input_side_of(const E& encoder) {
  if constexpr (requires { encoder.input_side(); })
    return encoder.input_side();
  else
    return std::nullopt;
}

/// An image that a pipeline encoded: to be asked about any number of supports, or to mark objects
/// in. Cheap to copy (copies share everything); immutable, so any number of threads may use it.
template <ImageEncoder E>
class EncodedImage {
 public:
  EncodedImage(Image image, typename E::Embedding embedding)
      : parts_(std::make_shared<const Parts>(Parts{std::move(image), std::move(embedding)})) {}

  const Image& image() const { return parts_->image; }
  const typename E::Embedding& embedding() const { return parts_->embedding; }
  std::shared_ptr<const typename E::Embedding> shared_embedding() const {
    return {parts_, &parts_->embedding};
  }

 private:
  struct Parts {
    Image image;
    typename E::Embedding embedding;
  };
  std::shared_ptr<const Parts> parts_;
};

/// An object in the query image that says what others look like there: the first comes from the
/// detector, those of a feedback pass are the best masks of the pass before (eq. 7).
struct Exemplar {
  Box box;
  const Mask* mask = nullptr;  ///< null where there is none
  float score = 0;             ///< the decoder's, of that mask
};

inline std::vector<Box> boxes_of(std::span<const Exemplar> exemplars) {
  std::vector<Box> boxes;
  for (const Exemplar& e : exemplars) boxes.push_back(e.box);
  return boxes;
}

/// What the pipeline knows about a query so far, handed to the detector, the DMG and the decoder.
/// All references live as long as the call. A stage takes what it needs: one density network wants
/// the image alone, another shares the encoder's trunk and wants embedding and prototype.
template <ImageEncoder E>
struct Query {
  ImageView image;
  const typename E::Embedding& embedding;
  FloatMapView similarity;  ///< image size
  const Support<E>& support;
  std::span<const Exemplar> exemplars;  ///< of the current pass; none before the first
};

/// An image in which the user marks an object, before anything is known of it.
template <ImageEncoder E>
struct MarkedImage {
  ImageView image;
  const typename E::Embedding& embedding;
};

/// What a decoder is asked to segment: the object at `point` or, by a decoder that takes boxes,
/// the one in `box` where there is one.
struct Prompt {
  /// Which decode this is: the released code guides and refines the first two more than the last.
  enum class Role { exemplar, first_pass, final_pass };
  Point point;
  Role role = Role::final_pass;
  std::optional<Box> box = {};  ///< in query pixels; may reach beyond the image
};

/// DetectorFor<D, E>: finds boxes of the object in a query encoded by E.
///
/// `detect(query) -> Detections`. Boxes in query pixels, confidence in [0, 1], any order, possibly
/// none. A detector with no notion of text ignores label and phrase; a text detector ignores the
/// similarity. Const; several threads at once.
///
/// A detector may have `bool from_similarity() const`: whether its boxes come from the similarity,
/// so that nothing is to be had from there when it finds none (see `detector.fallback`); and
/// `bool reads_text() const`: whether it needs a class label.
template <class D, class E>
concept detect_must_be_const = requires(const D& d, const Query<E>& query) {
  d.detect(query);
}
|| !requires(D & d, const Query<E>& query) { d.detect(query); };
template <class D, class E>
concept DetectorFor = ImageEncoder<E> && std::movable<D> && detect_must_be_const<D, E> &&
    requires(const D& detector, const Query<E>& query) {
  { detector.detect(query) } -> std::same_as<Detections>;
};

/// Whether a detector looks for a class label, so that a support without one is refused; false when
/// it says nothing (`bool reads_text() const`).
template <class D>
bool does_read_text(const D& detector) {
  if constexpr (requires { detector.reads_text(); })
    return detector.reads_text();
  else
    return false;
}

/// What a detector says of itself; false when it says nothing.
template <class D>
bool is_from_similarity(const D& detector) {
  if constexpr (requires { detector.from_similarity(); })
    return detector.from_similarity();
  else
    return false;
}

/// DmgFor<G, E>: estimates how many objects cover each pixel of a query encoded by E.
///
/// `density(query) -> DensityMap`, for `query.exemplars`: known instances in the query image, at
/// least one. The map may have any size of at least 1 x 1 (it is stretched over
/// the image); every value is finite and >= 0, and the sum estimates the count. Const; several
/// threads at once.
template <class G, class E>
concept density_must_be_const = requires(const G& g, const Query<E>& query) {
  g.density(query);
}
|| !requires(G & g, const Query<E>& query) { g.density(query); };
template <class G, class E>
concept DmgFor = ImageEncoder<E> && std::movable<G> && density_must_be_const<G, E> &&
    requires(const G& dmg, const Query<E>& query) {
  { dmg.density(query) } -> std::same_as<DensityMap>;
};

/// DecoderFor<M, E>: segments the object at each prompt of a query encoded by E.
///
/// `decode(query, prompts) -> vector<ScoredMask>`: one answer per prompt, in the same order, masks
/// in query pixels. An empty mask is an answer. Const; several threads at once.
///
/// A decoder may have `bool takes_boxes() const`: whether it looks at a prompt's box; and
/// `decode_mark(MarkedImage<E>, Prompt) const -> ScoredMask`: the object that a user's box or point
/// marks, where no support is known yet. One that has not is shown the mark as a support of its
/// own: see detail/marking.hpp.
template <class M, class E>
concept decode_must_be_const = requires(const M& m, const Query<E>& query,
                                        std::span<const Prompt> prompts) {
  m.decode(query, prompts);
}
|| !requires(M & m, const Query<E>& query, std::span<const Prompt> prompts) {
  m.decode(query, prompts);
};
template <class M, class E>
concept DecoderFor = ImageEncoder<E> && std::movable<M> && decode_must_be_const<M, E> &&
    requires(const M& decoder, const Query<E>& query, std::span<const Prompt> prompts) {
  { decoder.decode(query, prompts) } -> std::same_as<std::vector<ScoredMask>>;
};

/// What a decoder says of itself; false when it says nothing.
template <class M>
bool does_take_boxes(const M& decoder) {
  if constexpr (requires { decoder.takes_boxes(); })
    return decoder.takes_boxes();
  else
    return false;
}

/// DecodesScales<M, E>: a decoder whose network answers with masks of three scales, for a method
/// that weighs them (PerSamF).
///
/// `scale_logits(image, point) -> ScaleLogits`: of the object at a point, decoded once and without
/// guidance. `decode_weighted(image, points, weights) -> vector<ScoredMask>`: for each point where
/// the weighted sum of these logits is above 0, then twice more from the point, the mask's tight
/// box and its logits, each time the best of three. Both const; several threads at once.
template <class M, class E>
concept DecodesScales = DecoderFor<M, E> &&
    requires(const M& decoder, const MarkedImage<E>& image, Point point,
             std::span<const Point> points, const ScaleWeights& weights) {
  { decoder.scale_logits(image, point) } -> std::same_as<ScaleLogits>;
  { decoder.decode_weighted(image, points, weights) } -> std::same_as<std::vector<ScoredMask>>;
};

/// Whether a decoder that has these functions can carry them out: one that is chosen at run time
/// says so (`bool decodes_scales() const`).
template <class E, class M>
bool does_decode_scales(const M& decoder) {
  if constexpr (requires { decoder.decodes_scales(); })
    return decoder.decodes_scales();
  else
    return DecodesScales<M, E>;
}

namespace detail {

/// @throws InternalError  another number of masks than prompts.
/// @throws InvalidArgument  a mask whose bits do not fit its box, or whose box leaves the image.
template <class Decoder, ImageEncoder Encoder>
std::vector<ScoredMask> masks_of(const Decoder& decoder, const Query<Encoder>& query,
                                 std::span<const Prompt> prompts) {
  if (prompts.empty()) return {};
  auto masks = decoder.decode(query, prompts);
  if (masks.size() != prompts.size())
    throw InternalError(fmt::format("decoder: {} masks for {} prompts, expected one each",
                                    masks.size(), prompts.size()));
  for (std::size_t i = 0; i < masks.size(); ++i)
    require_mask(masks[i].mask, query.image.size(), fmt::format("decoder: mask {}", i));
  return masks;
}

}  // namespace detail

}  // namespace persense
