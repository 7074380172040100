// What the engine answers to "mini" and to archives in a build without LibTorch.
#include "torch_plugin.hpp"

namespace persense {

bool has_torch_plugin() { return false; }

std::string torch_plugin_problem() { return {}; }

const TorchPlugin& torch_plugin(const std::string& archive) {
  throw InvalidArgument(fmt::format(
      "{}: this build cannot load networks, as it was made without LibTorch (PERSENSE_WITH_TORCH); "
      "{}",
      archive, without_torch));
}

}  // namespace persense
