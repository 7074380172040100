// What the engine answers to archives, and to "mini" on a GPU, in a build without LibTorch.
#include "torch_plugin.hpp"

namespace persense {

bool has_torch_plugin() { return false; }

std::string torch_plugin_problem() { return {}; }

const TorchPlugin& torch_plugin(const std::string& what) {
  throw InvalidArgument(fmt::format(
      "{}: this build was made without LibTorch (PERSENSE_WITH_TORCH), which runs it; {}", what,
      without_torch));
}

}  // namespace persense
