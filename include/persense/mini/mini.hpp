// persense/mini/mini.hpp: persense's own network in all four slots. It looks at an image in levels,
// an octave apart.
#pragma once

#include <Eigen/Core>
#include <array>
#include <concepts>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "persense/detail/memo.hpp"
#include "persense/models/manifest.hpp"
#include "persense/options.hpp"
#include "persense/stages.hpp"

namespace persense::mini {

/// What runs the network.
class Network;

/// The archive of the network that is part of the library. Its bytes are there as long as that is.
/// @par Threads  Safe to call concurrently.
EmbeddedArchive mini_archive();

/// Threads that the network uses on the CPU, which are OpenCV's, for the whole process. 0: as an
/// earlier call or the program around this library has it; where nobody chose, as OMP_NUM_THREADS
/// says, else all cores that the process may use, by its affinity and its control group's quota.
/// @throws InvalidArgument  below 0.
void set_threads(int threads);

/// One marked object, as the network describes it.
struct MiniExample {
  Eigen::RowVectorXf vector;     ///< what it looks like to the maps
  Eigen::RowVectorXf embedding;  ///< appearance and shape, for the decision on candidates
  float size;                    ///< log2 of its equivalent diameter in pixels of its image
  /// Of stretched red, green and blue, and what is added: above 0 for colours more like the
  /// object's than like its surroundings'. For images too large to be looked at everywhere.
  std::array<float, 4> colours{};
};

/// What the support objects look like to the network.
struct MiniPrototype {
  persense::detail::Identity identity;
  double diameter = 0;  ///< median of the examples', pixels
  std::vector<MiniExample> examples;
  std::vector<MiniExample> negatives;
  /// What is asked of candidates: of the support, so that embeddings serve encoders that differ in
  /// it. None is below 0.
  MiniOptions thresholds;
};

/// A query, or support, image as the network sees it: features at scales that are powers of two,
/// computed when they are first asked for. They know no support object. What is derived for a
/// prototype and exemplars is kept for the latest few of them.
/// @par Threads  Safe: the first of several threads that ask computes, the others wait.
class MiniEmbedding {
 public:
  struct State;
  explicit MiniEmbedding(std::shared_ptr<const State> state) : state_(std::move(state)) {}

  MiniExample example(const Mask& mask) const;
  FloatMap similarity(const MiniPrototype& prototype, Size size) const;
  std::vector<Detection> detections(const MiniPrototype& prototype) const;
  DensityMap density(const MiniPrototype& prototype, std::span<const Exemplar> exemplars) const;
  std::vector<ScoredMask> masks(const MiniPrototype& prototype, std::span<const Exemplar> exemplars,
                                std::span<const Prompt> prompts, Switch calibration) const;
  /// The object that a user's box or point marks; empty where there is none.
  ScoredMask marked(const Prompt& mark) const;

 private:
  std::shared_ptr<const State> state_;
};

/// The encoder: the network's trunk, once a level. A level is the image at a scale that is a power
/// of two, and answers for objects whose diameter there lies in one octave; so an object is
/// compared at about one size, whatever its size in the image.
/// @par Threads  Stateless; any number of threads.
/// @par Source  this library; `persense_export.networks.mini`.
class MiniEncoder {
 public:
  using Embedding = MiniEmbedding;
  using Prototype = MiniPrototype;

  /// The network that is part of the library, on the CPU.
  explicit MiniEncoder(const MiniOptions& options = {});
  /// One of the user's training, on the CPU. @throws FileNotFound, Unreadable; BadModel  another
  /// kind of network.
  explicit MiniEncoder(const std::filesystem::path& archive, const MiniOptions& options = {});
  /// The same of an archive in memory, whose bytes are needed no longer. @throws as above.
  explicit MiniEncoder(const EmbeddedArchive& archive, const MiniOptions& options = {});
  /// Run by something else: see torchscript::mini_network.
  explicit MiniEncoder(std::shared_ptr<const Network> network, const MiniOptions& options = {});

  /// The same network with other thresholds; each of the two may use embeddings of the other.
  MiniEncoder with(const MiniOptions& options) const;

  Embedding encode(ImageView image) const;
  Prototype prototype(std::span<const EncodedExample<Embedding>> examples) const;
  /// In candidate regions, above 0 where they may be of the support's class, 1 for certain; below
  /// 0 elsewhere.
  FloatMap similarity(const Embedding& embedding, const Prototype& prototype, Size size) const {
    return embedding.similarity(prototype, size);
  }
  /// Appearance and shape, as the decision on candidates compares them.
  Eigen::RowVectorXf describe(const Embedding& embedding, const Mask& mask, Size size) const;

 private:
  std::shared_ptr<const Network> network_;
  MiniOptions thresholds_;  // the archive's, but for what the options say
};

/// This network's part of an encoder's embedding and prototype: see classic_embedding.
inline const MiniEmbedding& mini_embedding(const MiniEmbedding& e) { return e; }
inline const MiniPrototype& mini_prototype(const MiniPrototype& p) { return p; }

template <class E>
concept HoldsMiniEncoder = requires(const typename E::Embedding& embedding,
                                    const typename E::Prototype& prototype) {
  { mini_embedding(embedding) } -> std::same_as<const MiniEmbedding&>;
  { mini_prototype(prototype) } -> std::same_as<const MiniPrototype&>;
};

/// Boxes of the candidates that may be of the support's class; label and phrase get the same.
/// @par Threads  Stateless; any number of threads.
class MiniDetector {
 public:
  bool from_similarity() const { return true; }

  template <HoldsMiniEncoder E>
  Detections detect(const Query<E>& query) const {
    const auto found =
        mini_embedding(query.embedding).detections(mini_prototype(query.support.prototype));
    return {found, found};
  }
};

/// The density head, conditioned on the support and on the exemplars that have masks: about every
/// peak the mass that the network gives it, times the probability that it is of the class.
/// @par Threads  Stateless; any number of threads.
class MiniDmg {
 public:
  template <HoldsMiniEncoder E>
  DensityMap density(const Query<E>& query) const {
    return mini_embedding(query.embedding)
        .density(mini_prototype(query.support.prototype), query.exemplars);
  }
};

/// The candidate region under each prompt, compared with the support and the exemplars; in the
/// final pass its outline is refined at the level's own resolution. Prompts compete.
/// @par Threads  Stateless; any number of threads.
class MiniDecoder {
 public:
  /// @param calibration  whether a score is what it is worth by the archive's manifest: see
  ///   Manifest::Calibration.
  explicit MiniDecoder(Switch calibration = Switch::on) : calibration_(calibration) {}

  template <HoldsMiniEncoder E>
  std::vector<ScoredMask> decode(const Query<E>& query, std::span<const Prompt> prompts) const {
    return mini_embedding(query.embedding)
        .masks(mini_prototype(query.support.prototype), query.exemplars, prompts, calibration_);
  }

  /// Hypotheses of every size about the point, or of about the box's: each is taken for a support,
  /// and the region that it leads to is right where the network expects it to be a whole object.
  template <HoldsMiniEncoder E>
  ScoredMask decode_mark(const MarkedImage<E>& image, const Prompt& mark) const {
    return mini_embedding(image.embedding).marked(mark);
  }

 private:
  Switch calibration_;
};

}  // namespace persense::mini
