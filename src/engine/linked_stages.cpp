// The TorchScript stages of a program that links LibTorch.
#include "torch_plugin.hpp"

namespace persense {

bool has_torch_plugin() { return true; }

std::string torch_plugin_problem() { return {}; }

const TorchPlugin& torch_plugin(const std::string&) { return *persense_torch_plugin(); }

}  // namespace persense
