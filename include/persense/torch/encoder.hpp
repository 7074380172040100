// persense/torch/encoder.hpp: an image encoder from a TorchScript archive (SAM, MobileSAM, any
// archive of the same contract).
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <concepts>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "persense/geometry.hpp"
#include "persense/image.hpp"
#include "persense/maps.hpp"
#include "persense/models/longest_side.hpp"
#include "persense/stages.hpp"
#include "persense/torch/module.hpp"

namespace persense::torchscript {

/// How an image lies in an encoder's input: resized to `inner`, at the top left of `padded`.
struct InputFrame {
  Size image;      ///< as given
  Size inner;      ///< resized so that the longest side is the manifest's `input.size`
  Size padded;     ///< the network's input: a square of that size, or the next multiples
  int stride = 1;  ///< input pixels a cell
  bool square = true;

  InputFrame() = default;
  InputFrame(const Manifest& encoder, Size image_size);

  Size grid() const { return {padded.width / stride, padded.height / stride}; }
  LongestSide longest_side() const { return {image, std::max(inner.width, inner.height)}; }
};

/// What the support object looks like, on the device.
struct TorchPrototype {
  at::Tensor mean;  ///< (C) float32: mean feature vector of the object ("target embedding"); under
                    ///< "ring_contrast", minus that of its surroundings
  at::Tensor unit;  ///< (C) float32: `mean` divided by its length ("target feature")
  at::Tensor negative;  ///< (C) float32: the same of the negative examples; undefined without any
  std::vector<std::string> notes;  ///< one line each: what was done to make it
};

/// An encoded image. The features stay on the encoder's device; copies share them.
/// @par Threads  Safe to share.
class TorchEmbedding {
 public:
  TorchEmbedding(at::Tensor features, const InputFrame& frame,
                 std::shared_ptr<const Manifest> encoder);

  const at::Tensor& features() const { return features_; }  ///< (1, C, h, w) as the archive gave it
  const InputFrame& frame() const { return frame_; }
  const Manifest& encoder() const { return *encoder_; }  ///< of the archive that made it

  /// The similarity with a prototype, of any size, on the device: (size.height, size.width) float32
  /// in [-1, 1]. Cosine of every cell (against that of the negative examples, see
  /// persense::against), enlarged along the reference's path (bilinear x4, then mask
  /// post-processing) where the input is a padded square, else bilinearly in one step.
  at::Tensor similarity(const TorchPrototype& prototype, Size size) const;

  /// The target-guided attention map (1, h * w), float32 in (0, 1), on the device: the similarity,
  /// standardised over the image, on the grid, through a sigmoid. Made on first use and kept for
  /// the latest prototype.
  /// @par Source  released code (after PerSAM): the unpadded image is squashed onto the grid, so
  ///   for images that are not square it is not aligned with the padded token grid; kept as it is.
  at::Tensor attention(const TorchPrototype& prototype) const;

 private:
  struct Memo;
  at::Tensor features_;
  InputFrame frame_;
  std::shared_ptr<const Manifest> encoder_;
  std::shared_ptr<Memo> memo_;
};

/// An encoder archive.
///
/// @par Threads  Any number of threads.
/// @par Source  PerSense section 3.1 and its released code; segment-anything's preprocessing. The
///   "ring_contrast" prototype is this library's.
class TorchEncoder {
 public:
  using Embedding = TorchEmbedding;
  using Prototype = TorchPrototype;

  /// Loads the archive and checks its output's shape on a dry run. (A large fixed input is not run
  /// on the CPU, where it would cost as much as an image; the first image is its check.)
  /// @throws what Module's constructor does; BadModel  shapes that do not fit the manifest.
  explicit TorchEncoder(const std::filesystem::path& file, Placement placement = {});

  const Manifest& manifest() const { return module_.manifest(); }
  const Placement& placement() const { return module_.placement(); }

  /// Longest side of the network's input.
  int input_side() const { return manifest().input.size; }

  /// @throws InvalidArgument  an empty image. @throws OutOfMemory, BadModel  see Module.
  Embedding encode(ImageView image) const;

  /// The network's input, (1, 3, padded.height, padded.width) in the placement's device and dtype:
  /// resized as Pillow does it (antialiased, 8 bit: equal to persense::resize_antialiased byte for
  /// byte), normalised, zero outside the image. Only the image's bytes are sent to the device.
  at::Tensor input(ImageView image) const;

  /// The mean of the examples' own prototypes, so that each counts alike; of the negative ones
  /// likewise. Of one example:
  /// "mean": the mean over the cells that the mask covers (the mask takes the image's 8-bit path,
  /// and a cell is inside above level 123.675). An object that covers no cell is averaged over the
  /// cells it touches, weighted by area, and a note says so. "ring_contrast": the mean weighted by
  /// covered area, minus that of a ring around the object, from 2 pixels outside, as wide as the
  /// object's equivalent radius and at least 4 pixels, all measured in pixels of the network's
  /// input.
  /// @throws InvalidArgument  a mask of another size than the image, or without a pixel; under
  ///   "ring_contrast", one without any background.
  /// @throws BadModel         the features are not finite (half precision may overflow).
  Prototype prototype(std::span<const EncodedExample<Embedding>> examples) const;
  /// The same of one example. @throws InvalidArgument  a mask of another size than the image.
  Prototype prototype(const Embedding& embedding, MaskView mask) const;

  /// See TorchEmbedding::similarity; one transfer brings the map to the host.
  /// @throws BadModel  the features are not finite (half precision may overflow).
  FloatMap similarity(const Embedding& embedding, const Prototype& prototype, Size size) const;

  /// Mean features of the cells that a mask's box touches.
  Eigen::RowVectorXf describe(const Embedding& embedding, const Mask& mask, Size size) const;

 private:
  void dry_run() const;
  Prototype of_one(const Embedding& embedding, const cv::Mat& mask) const;
  void require_finite(const at::Tensor& values, std::string_view what) const;
  TorchEmbedding run(const at::Tensor& input, const InputFrame& frame) const;

  Module module_;
  std::shared_ptr<const Manifest> manifest_;  // shared with every embedding
  at::Tensor mean_, deviation_;               // (3, 1, 1) float32, on the device
};

/// The TorchScript part of an encoder's embedding and prototype. An encoder that joins this one
/// with another overloads both in the namespace of its own types.
inline const TorchEmbedding& torch_embedding(const TorchEmbedding& embedding) { return embedding; }
inline const TorchPrototype& torch_prototype(const TorchPrototype& prototype) { return prototype; }

/// An encoder whose embedding and prototype hold TorchEncoder's.
template <class E>
concept HoldsTorchEncoder = requires(const typename E::Embedding& embedding,
                                     const typename E::Prototype& prototype) {
  { torch_embedding(embedding) } -> std::same_as<const TorchEmbedding&>;
  { torch_prototype(prototype) } -> std::same_as<const TorchPrototype&>;
};

}  // namespace persense::torchscript
