#include "dmg_tensors.hpp"

#include <ATen/ops/from_blob.h>
#include <fmt/format.h>

#include "module_errors.hpp"
#include "persense/error.hpp"

namespace persense::torchscript {

void require_network(const Module& module, std::string_view name) {
  const std::string& found = module.manifest().name;
  if (found != name)
    throw BadModel(fmt::format("{}: density map generator {}, expected {}", module.file().string(),
                               found, name));
}

PixelScaling pixel_scaling(const Module& module) {
  return {module.manifest().input.mean, module.manifest().input.deviation};
}

at::Tensor to_tensor(const Planes& planes, const Module& module) {
  return at::from_blob(const_cast<float*>(planes.values.data()),
                       {planes.count, planes.channels, planes.height, planes.width}, at::kFloat)
      .to(module.placement().device, module.placement().dtype);
}

FloatMap to_finite_map(const at::Tensor& tensor, const Module& module) {
  const at::Tensor host = tensor.to(at::kCPU, at::kFloat).contiguous();
  const std::int64_t columns = host.size(-1);
  const Eigen::Map<const FloatMap> map(host.data_ptr<float>(), host.numel() / columns, columns);
  if (!map.isFinite().all()) throw not_finite(module, "density");
  return map;
}

}  // namespace persense::torchscript
