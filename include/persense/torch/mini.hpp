// persense/torch/mini.hpp: the learned default: persense's own small network in all four slots.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <filesystem>
#include <memory>
#include <opencv2/core.hpp>
#include <span>
#include <string>
#include <vector>

#include "persense/classic/classic.hpp"
#include "persense/detail/memo.hpp"
#include "persense/stages.hpp"
#include "persense/torch/module.hpp"

namespace persense::torchscript {

/// What the support objects look like to the network.
struct MiniPrototype {
  persense::detail::Identity identity;
  double scale = 1;                  ///< at which they are as wide as the network expects
  std::vector<at::Tensor> steering;  ///< what the network's maps make of their mean alone
  at::Tensor vectors;                ///< (E, P) of the examples, on the module's device
  at::Tensor negative_vectors;       ///< (N, P) of the negative ones; undefined without any
};

/// A query, or support, image as the network sees it: at several scales, in tiles where it is
/// large. What the trunk makes of it is kept by scale, unless it is large, and what is derived for
/// a prototype for the latest few of them.
/// @par Threads  Safe: the first of several threads that ask computes, the others wait.
class MiniEmbedding {
 public:
  struct State;
  explicit MiniEmbedding(std::shared_ptr<State> state) : state_(std::move(state)) {}

  /// One marked object, as the network describes it: (1, P), on the module's device.
  at::Tensor vector(const Mask& mask) const;
  FloatMap similarity(const MiniPrototype& prototype, Size size) const;
  /// The pieces.
  std::shared_ptr<const classic::Cut> cut(const MiniPrototype& prototype) const;

 private:
  std::shared_ptr<State> state_;
};

/// The encoder: one pass of the network's trunk a scale, features at the scale at which the support
/// object is `mini::canonical` pixels across.
/// @par Threads  Stateless; any number of threads.
/// @par Source  this library; `persense.networks.mini`.
class MiniEncoder {
 public:
  using Embedding = MiniEmbedding;
  using Prototype = MiniPrototype;

  /// The network that is part of the library.
  explicit MiniEncoder(Placement placement = {});
  /// One of the user's training. @throws as Module.
  explicit MiniEncoder(const std::filesystem::path& archive, Placement placement = {});

  Embedding encode(ImageView image) const;
  Prototype prototype(std::span<const EncodedExample<Embedding>> examples) const;
  /// In objects, how sure the network is that they are of the support's kind: 1 for certain, -1 for
  /// certainly another kind or ground.
  FloatMap similarity(const Embedding& embedding, const Prototype& prototype, Size size) const {
    return embedding.similarity(prototype, size);
  }

 private:
  explicit MiniEncoder(Module module);

  Module module_;
};

/// The mini part of an encoder's embedding and prototype: see classic_embedding.
inline const MiniEmbedding& mini_embedding(const MiniEmbedding& e) { return e; }
inline const MiniPrototype& mini_prototype(const MiniPrototype& p) { return p; }

template <class E>
concept HoldsMiniEncoder = requires(const typename E::Embedding& embedding,
                                    const typename E::Prototype& prototype) {
  { mini_embedding(embedding) } -> std::same_as<const MiniEmbedding&>;
  { mini_prototype(prototype) } -> std::same_as<const MiniPrototype&>;
};

namespace detail {
template <HoldsMiniEncoder E>
std::shared_ptr<const classic::Cut> mini_cut(const Query<E>& query) {
  return mini_embedding(query.embedding).cut(mini_prototype(query.support.prototype));
}
}  // namespace detail

/// Boxes of everything that could be an object of the support's kind; label and phrase get the
/// same. @par Threads  Stateless; any number of threads.
class MiniDetector {
 public:
  bool from_similarity() const { return true; }

  template <HoldsMiniEncoder E>
  Detections detect(const Query<E>& query) const {
    return classic::ClassicDetector::detections(*detail::mini_cut(query), query.image.size());
  }
};

/// Unit mass at every object that the density head found; less where it is in doubt. The exemplars
/// are not looked at: the network compares with objects of the query by itself.
/// @par Threads  Stateless; any number of threads.
class MiniDmg {
 public:
  template <HoldsMiniEncoder E>
  DensityMap density(const Query<E>& query) const {
    return classic::ClassicDmg::density(*detail::mini_cut(query));
  }
};

/// What a piece's score is worth, on real pictures of mandarins, axons, particles and the burden of
/// a blast furnace, whose three kinds are look-alikes: `python -m persense.train.calibrate mini`.
inline constexpr std::array<regions::ScoreKnot, 8> mini_score_knots{{{0.0f, 0.0f},
                                                                     {0.15f, 0.066f},
                                                                     {0.25f, 0.174f},
                                                                     {0.35f, 0.378f},
                                                                     {0.45f, 0.746f},
                                                                     {0.55f, 0.991f},
                                                                     {0.7f, 0.992f},
                                                                     {1.0f, 1.0f}}};

/// The piece under each prompt; prompts compete.
/// @par Threads  Stateless; any number of threads.
class MiniDecoder {
 public:
  explicit MiniDecoder(Switch calibration = Switch::on)
      : knots_(calibration == Switch::on ? std::span<const regions::ScoreKnot>(mini_score_knots)
                                         : std::span<const regions::ScoreKnot>()) {}

  template <HoldsMiniEncoder E>
  std::vector<ScoredMask> decode(const Query<E>& query, std::span<const Prompt> prompts) const {
    return classic::ClassicDecoder::masks(*detail::mini_cut(query), query.image.size(), prompts,
                                          knots_);
  }

 private:
  std::span<const regions::ScoreKnot> knots_;
};

}  // namespace persense::torchscript
