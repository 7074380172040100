// sam_prompts.hpp (private): prompts of the pipeline as SAM's decoder takes them.
#pragma once

#include <span>

#include "persense/torch/decoder.hpp"

namespace persense::torchscript {

/// The points of some prompts, (N, 1, 2), and that they lie on the objects, (N, 1).
SamPrompts point_prompts(std::span<const Prompt> all);

/// The boxes of some prompts, (N, 4), which all have one.
SamPrompts box_prompts(std::span<const Prompt> all);

}  // namespace persense::torchscript
