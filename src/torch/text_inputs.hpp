// text_inputs.hpp (private): what a grounding network wants to know about captions.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "persense/options.hpp"
#include "wordpiece.hpp"

namespace persense::torchscript {

/// Captions as a grounding network takes them, and whose tokens are whose. On the CPU.
struct TextInputs {
  at::Tensor ids;        ///< (B, T) int64; shorter captions are filled up with [PAD]
  at::Tensor attention;  ///< (B, T, T) bool: tokens see those of their own phrase, and themselves
  at::Tensor positions;  ///< (B, T) int64, from 0 in every phrase
  at::Tensor tokens;     ///< (B, T) bool: false for [PAD]

  /// Which tokens of which caption speak of an expression.
  struct Part {
    std::int64_t row = 0, begin = 0, end = 0;
  };
  std::vector<Part> parts;  ///< one an expression, in their order

  std::int64_t captions() const { return ids.size(0); }
  std::int64_t length() const { return ids.size(1); }
};

/// Captions of some expressions ("potato", "all potatoes"): each alone, or all joined into one. A
/// caption is [CLS], its expressions, each with a full stop at its end, and [SEP]. A phrase ends
/// with a full stop or question mark; [CLS] and [SEP] are phrases of their own.
///
/// The part of an expression that is alone is its whole caption, [CLS] and [SEP] included, as the
/// released code takes the maximum over them too; among others, it is its words and full stop.
/// @param max_tokens  of a caption.
/// @throws InvalidArgument  an expression without a word that the vocabulary has, a caption that is
///   too long, or text that is not UTF-8.
/// @par Source  GroundingDINO `generate_masks_with_special_tokens_and_transfer_map`,
///   `preprocess_caption`.
TextInputs text_inputs(const WordPiece& words, const std::vector<std::string_view>& expressions,
                       Captions captions, int max_tokens);

}  // namespace persense::torchscript
