// persense/torch/grounding.hpp: object detectors that read text, from a TorchScript archive.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string_view>

#include "persense/options.hpp"
#include "persense/stages.hpp"
#include "persense/torch/module.hpp"

namespace persense::torchscript {

struct TextInputs;
class WordPiece;

/// GroundingDINO, or another network of its kind: finds what the class label and the phrase ("all
/// potatoes") name, both with one pass of the image's backbone. The similarity is not looked at.
///
/// Every box of the network is given, in its order, with the highest of its tokens' scores as
/// confidence; `detection.threshold` decides later which ones count. There is no non-maximum
/// suppression, and boxes are not cut at the image's border. (The released code has a threshold on
/// text, too; it shapes only the words that it shows, and never removes a box.) A box that touches
/// no pixel of the image is left out.
/// The archive: `forward(image, ids, attention, positions, tokens) -> (logits, boxes)`, whatever
/// network it is, for B captions of at most T tokens.
///
///     image      (1, 3, H, W)  floating-point, resized and scaled as the manifest says
///     ids        (B, T)        int64, lines of the vocabulary, filled up with [PAD]
///     attention  (B, T, T)     bool: which tokens see each other, those of one phrase
///     positions  (B, T)        int64, from 0 in every phrase
///     tokens     (B, T)        bool: false for [PAD]
///     logits     (B, Q, T)     before the sigmoid; Q is `output.queries`, or less in small images
///     boxes      (B, Q, 4)     centre x, centre y, width, height, in 0..1
/// @par Threads  Any number of threads.
/// @par Source  GroundingDINO (arXiv:2303.05499); released code, detector wrapper.
class GroundingDetector {
 public:
  /// @throws BadModel  a vocabulary that lacks what every caption needs, or shapes that do not fit
  ///   on a dry run. @throws InvalidArgument  a build without utf8proc. @throws OutOfMemory.
  explicit GroundingDetector(Module module, Captions captions = Captions::separate);

  const Module& module() const { return module_; }

  /// @param label, phrase  UTF-8, in any case.
  /// @throws InvalidArgument  a label without a word that the vocabulary has (an empty one, say),
  ///   more words than the network reads, or text that is not UTF-8.
  /// @throws OutOfMemory, BadModel  the network fails, or gives values that are not finite.
  Detections detect(ImageView image, std::string_view label, std::string_view phrase) const;

  bool reads_text() const { return true; }

  template <ImageEncoder E>
  Detections detect(const Query<E>& query) const {
    return detect(query.image, query.support.label, query.support.phrase);
  }

 private:
  struct Answer;  // of the network, on the host
  Answer run(const at::Tensor& image, const TextInputs& text) const;

  Module module_;
  Captions captions_;
  std::shared_ptr<const WordPiece> words_;
};

}  // namespace persense::torchscript
