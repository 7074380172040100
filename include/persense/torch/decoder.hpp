// persense/torch/decoder.hpp: SAM's mask decoder from a TorchScript archive.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "persense/result.hpp"
#include "persense/stages.hpp"
#include "persense/torch/encoder.hpp"
#include "persense/torch/module.hpp"

namespace persense::torchscript {

/// How SamDecoder::decode works.
struct DecoderOptions {
  bool guidance = true;  ///< first decode of Role::exemplar and first_pass sees the support object
                         ///< (PerSAM: target-guided attention, target embedding)
  bool refinement = true;  ///< Role::exemplar and first_pass decode again from their own mask
  int chunk_megabytes =
      1024;  ///< working memory of the prompts decoded at once, at least 1; prompts
             ///< beyond are decoded in further chunks with the same result
};

/// N objects to segment, each by points, a box, a mask or several of them. Lengths in pixels of the
/// image; tensors of any floating-point or integer type, on any device; an undefined one is absent.
struct SamPrompts {
  at::Tensor points;  ///< (N, P, 2) x, y
  at::Tensor labels;  ///< (N, P): 1 on the object, 0 beside it, -1 not a point
  at::Tensor boxes;   ///< (N, 4) x0, y0, x1, y1
  at::Tensor masks;   ///< (N, 1, 4h, 4w): low-resolution logits of an earlier prediction
};

/// What a guided decode knows of the support object.
struct SamGuidance {
  at::Tensor attention;  ///< (1, h * w) in (0, 1); undefined: none
  at::Tensor target;     ///< (1, C); undefined: none
};

/// Three masks a prompt, on the decoder's device.
struct SamPrediction {
  at::Tensor low_res;  ///< (N, 3, 4h, 4w) logits, in the placement's dtype
  at::Tensor scores;   ///< (N, 3) predicted IoU
};

/// A decoder archive: SAM's prompt encoder and mask decoder.
///
/// Scores are the network's predicted IoU as it is: it may leave [0, 1] by a little, and cutting it
/// off would make the best masks equal in rank.
/// @par Threads  Any number of threads.
/// @par Source  segment-anything `SamPredictor`; PerSense's released code (after PerSAM) for
///   guidance and refinement.
class SamDecoder {
 public:
  /// Loads the archive and checks its outputs' shapes on dry runs.
  /// @throws what Module's constructor does; BadModel  shapes that do not fit the manifest;
  ///   InvalidArgument  an option out of its range.
  explicit SamDecoder(const std::filesystem::path& file, Placement placement = {},
                      const DecoderOptions& options = {});

  /// Placed where the encoder is. @throws BadModel  it does not belong to this encoder, too.
  SamDecoder(const std::filesystem::path& file, const TorchEncoder& encoder,
             const DecoderOptions& options = {});

  const Manifest& manifest() const { return module_.manifest(); }
  const Placement& placement() const { return module_.placement(); }
  const DecoderOptions& options() const { return options_; }

  /// @throws BadModel  unless this decoder belongs to the encoder: its name, input and output.
  void require_fit(const Manifest& encoder) const;

  /// One mask a prompt: of three, the one with the highest score (the first one on ties).
  ///   Role::exemplar    (1) the point, guided; (2) the point and the logits of (1);
  ///                     (3) the point, the tight box and the logits of (2). Mask (2), score (3).
  ///   Role::first_pass  (1) and (2).
  ///   Role::final_pass  the point alone, not guided.
  /// Without refinement every role ends after its first decode. A prompt with a box is decoded from
  /// the box alone, whatever its role, once and not guided.
  /// @throws BadModel     the embedding is of an encoder that this decoder does not belong to, or
  ///   scores are not finite (half precision may overflow).
  /// @throws OutOfMemory  a single chunk does not fit the device.
  template <HoldsTorchEncoder E>
  std::vector<ScoredMask> decode(const Query<E>& query, std::span<const Prompt> prompts) const {
    return decode(torch_embedding(query.embedding), torch_prototype(query.support.prototype),
                  prompts);
  }
  std::vector<ScoredMask> decode(const TorchEmbedding& embedding, const TorchPrototype& prototype,
                                 std::span<const Prompt> prompts) const;

  bool takes_boxes() const { return true; }

  /// The object that a user's point or box marks, decoded as SAM is meant to be: not guided, and
  /// once more from its own mask.
  template <HoldsTorchEncoder E>
  ScoredMask decode_mark(const MarkedImage<E>& image, const Prompt& prompt) const {
    return decode_mark(torch_embedding(image.embedding), prompt);
  }
  ScoredMask decode_mark(const TorchEmbedding& embedding, const Prompt& prompt) const;

  /// See DecodesScales. @throws BadModel  a network with another number of masks than three.
  template <HoldsTorchEncoder E>
  ScaleLogits scale_logits(const MarkedImage<E>& image, Point point) const {
    return scale_logits(torch_embedding(image.embedding), point);
  }
  ScaleLogits scale_logits(const TorchEmbedding& embedding, Point point) const;
  template <HoldsTorchEncoder E>
  std::vector<ScoredMask> decode_weighted(const MarkedImage<E>& image,
                                          std::span<const Point> points,
                                          const ScaleWeights& weights) const {
    return decode_weighted(torch_embedding(image.embedding), points, weights);
  }
  std::vector<ScoredMask> decode_weighted(const TorchEmbedding& embedding,
                                          std::span<const Point> points,
                                          const ScaleWeights& weights) const;

  /// What `decode` guides its first decodes with.
  SamGuidance guidance(const TorchEmbedding& embedding, const TorchPrototype& prototype) const;

  /// Decodes any prompts in one call; the answer stays on the device.
  /// @throws InvalidArgument  neither points nor boxes, or shapes that do not fit each other.
  /// @throws BadModel, OutOfMemory  as decode.
  SamPrediction predict(const TorchEmbedding& embedding, const SamPrompts& prompts,
                        const SamGuidance& guidance = {}) const;

  /// The mask with the highest score of each prompt, at image size, cropped to its box. Full-size
  /// logits are evaluated only where a mask is.
  std::vector<ScoredMask> best_masks(const TorchEmbedding& embedding,
                                     const SamPrediction& prediction) const;

 private:
  struct Best;   // the chosen mask and score of some prompts, on the device
  struct Input;  // prompts as the network takes them

  void dry_run() const;
  void require_prompts(const SamPrompts& prompts, const SamGuidance& guidance) const;
  Input network_input(const InputFrame& frame, const SamPrompts& prompts,
                      const SamGuidance& guidance) const;
  at::Tensor features_of(const TorchEmbedding& embedding) const;
  SamPrediction run(const at::Tensor& features, const Input& input) const;
  Best best_of(const SamPrediction& prediction) const;
  Best best_in_chunks(const at::Tensor& features, const Input& input, bool refine) const;
  std::vector<ScoredMask> to_masks(const InputFrame& frame, const Best& best) const;
  std::vector<ScoredMask> decode_alike(const TorchEmbedding& embedding, const SamGuidance& guidance,
                                       std::span<const Prompt> prompts, Prompt::Role role) const;
  Best best_from_own(const TorchEmbedding& embedding, std::span<const Prompt> prompts,
                     const Best& best, const std::vector<ScoredMask>& masks,
                     std::vector<std::int64_t>& which) const;
  void rescore(const TorchEmbedding& embedding, std::span<const Prompt> prompts, const Best& best,
               std::vector<ScoredMask>& masks) const;
  SamPrediction three_scales(const TorchEmbedding& embedding, std::span<const Prompt> points) const;
  std::int64_t grid_side() const;
  std::int64_t chunk_size() const;
  std::int64_t round_size() const;

  Module module_;
  DecoderOptions options_;
};

}  // namespace persense::torchscript
