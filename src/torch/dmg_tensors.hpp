// dmg_tensors.hpp (private): what density map generators and detectors have in common around their
// networks.
#pragma once

#include <ATen/core/Tensor.h>

#include <string_view>

#include "persense/maps.hpp"
#include "persense/models/planes.hpp"
#include "persense/torch/module.hpp"

namespace persense::torchscript {

/// @throws BadModel  the archive holds another network than `name`.
void require_network(const Module& module, std::string_view name);

/// How the manifest wants pixels scaled.
PixelScaling pixel_scaling(const Module& module);

/// (count, channels, height, width) where the module is, in its dtype. On the CPU in fp32 the
/// tensor may share the planes' memory.
at::Tensor to_tensor(const Planes& planes, const Module& module);

/// A tensor as rows of its last dimension, on the host.
/// @throws BadModel  it holds NaN or infinity.
FloatMap to_finite_map(const at::Tensor& tensor, const Module& module);

}  // namespace persense::torchscript
