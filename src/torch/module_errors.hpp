// module_errors.hpp (private): LibTorch's errors around a module, in our words.
#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "libtorch_errors.hpp"
#include "persense/torch/module.hpp"

namespace persense::torchscript {

/// translate(), with the module's file and device in the message.
template <class Body>
auto translate(const Module& module, const char* doing, Body&& body) {
  return translate(module.file().string(), module.placement().device.str(), doing,
                   std::forward<Body>(body));
}

/// NaN or infinity came out of a module: nearly always half precision that overflowed.
inline BadModel not_finite(const Module& module, std::string_view what) {
  const auto dtype = module.placement().dtype;
  const char* const name = dtype == at::kFloat ? "fp32" : dtype == at::kHalf ? "fp16" : "bf16";
  return BadModel(fmt::format("{}: {}: not finite in {}, expected finite values{}",
                              module.file().string(), what, name,
                              dtype == at::kFloat ? "" : "; fp32 may do"));
}

}  // namespace persense::torchscript
