// persense/torch/mini.hpp: LibTorch runs the network of the learned default, on a GPU, say. Without
// it, MiniEncoder runs the network on the CPU.
#pragma once

#include <filesystem>
#include <memory>

#include "persense/mini/mini.hpp"
#include "persense/torch/module.hpp"

namespace persense::torchscript {

/// For MiniEncoder: the network that is part of the library, or one of the user's training.
/// @throws as Module; BadModel  another kind of network.
std::shared_ptr<const mini::Network> mini_network(const EmbeddedArchive& archive,
                                                  const Placement& placement = {});
std::shared_ptr<const mini::Network> mini_network(const std::filesystem::path& archive,
                                                  const Placement& placement = {});

}  // namespace persense::torchscript
