#include "persense/torch/countr.hpp"

#include <ATen/ops/cat.h>
#include <fmt/format.h>

#include <utility>

#include "dmg_tensors.hpp"
#include "module_errors.hpp"
#include "persense/error.hpp"

namespace persense::torchscript {

namespace {

void require_format(const Module& module) {
  require_network(module, "countr");
  const Manifest::Input& input = module.manifest().input;
  if (input.size != countr::side || input.exemplar_size != countr::exemplar_side)
    throw BadModel(
        fmt::format("{}: persense.json: input.size {}, exemplar_size {}; expected {} and {}",
                    module.file().string(), input.size, input.exemplar_size, countr::side,
                    countr::exemplar_side));
}

countr::Options for_archive(countr::Options options, const Module& module) {
  options.scaling = pixel_scaling(module);
  options.unit = module.manifest().output.scale;
  if (options.batch <= 0) options.batch = module.placement().device.is_cuda() ? 8 : 1;
  return options;
}

}  // namespace

CountrDmg::CountrDmg(Module module, countr::Options options)
    : module_((require_format(module), std::move(module))),
      options_(for_archive(options, module_)) {
  const int windows = std::min(2, options_.batch);  // that a batch runs is not a matter of its size
  const Planes crop(1, 3, {countr::exemplar_side, countr::exemplar_side});
  respond(Planes(windows, 3, {countr::side, countr::side}), to_tensor(crop, module_).unsqueeze(0));
}

DensityMap CountrDmg::density(ImageView image, std::span<const Box> exemplars) const {
  const countr::Frame frame = countr::make_frame(image, exemplars, options_);
  const at::Tensor crops =
      translate(module_, "exemplars", [&] { return to_tensor(frame.crops, module_).unsqueeze(0); });
  return countr::density(frame, options_, [&](const Planes& windows, const Planes&) {
    return respond(windows, crops);
  });
}

FloatMap CountrDmg::respond(const Planes& windows, const at::Tensor& crops) const {
  return translate(module_, "density", [&] {
    return to_finite_map(forward(to_tensor(windows, module_), crops), module_);
  });
}

/// Two halves where the whole does not fit into memory.
at::Tensor CountrDmg::forward(const at::Tensor& windows, const at::Tensor& crops) const {
  const std::int64_t count = windows.size(0);
  try {
    at::Tensor response = module_({windows, crops}).at(0);
    module_.require_shape(response, {count, countr::side, countr::side}, "density");
    return response;
  } catch (const OutOfMemory&) {
    if (count == 1) throw;
  }
  const std::int64_t half = count / 2;
  return at::cat({forward(windows.narrow(0, 0, half), crops),
                  forward(windows.narrow(0, half, count - half), crops)});
}

}  // namespace persense::torchscript
