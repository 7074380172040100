// module_errors.hpp (private): LibTorch's errors around a module, in our words.
#pragma once

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

}  // namespace persense::torchscript
