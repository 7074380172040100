#include "persense/torch/dsalvanet.hpp"

#include <ATen/ops/from_blob.h>

#include <utility>

#include "dmg_tensors.hpp"
#include "module_errors.hpp"

namespace persense::torchscript {

namespace {

dsalvanet::Options for_archive(dsalvanet::Options options, const Module& module) {
  options.scaling = pixel_scaling(module);
  options.side = module.manifest().input.size;
  return options;
}

}  // namespace

DsalvanetDmg::DsalvanetDmg(Module module, dsalvanet::Options options)
    : module_((require_network(module, "dsalvanet"), std::move(module))),
      options_(for_archive(options, module_)) {
  // the number of boxes that the released code never gives shows whether any will do
  const std::size_t shots = options_.rules == Rules::reference ? 3 : 1;
  respond({Planes(1, 3, {options_.side, options_.side}), {shots, {1, 1, 9, 9}}});
}

DensityMap DsalvanetDmg::density(ImageView image, std::span<const Box> exemplars) const {
  return respond(dsalvanet::make_frame(image, exemplars, options_)).max(0.0f) /
         module_.manifest().output.scale;
}

FloatMap DsalvanetDmg::respond(const dsalvanet::Frame& frame) const {
  return translate(module_, "density", [&] {
    static_assert(sizeof(dsalvanet::ExemplarBox) == 4 * sizeof(float));
    // fp32 whatever the network's dtype: a half type does not hold these numbers
    const at::Tensor boxes =
        at::from_blob(const_cast<dsalvanet::ExemplarBox*>(frame.exemplars.data()),
                      {1, static_cast<std::int64_t>(frame.exemplars.size()), 4}, at::kFloat)
            .to(module_.placement().device);
    const at::Tensor response = module_({to_tensor(frame.image, module_), boxes}).at(0);
    module_.require_shape(response, {1, 1, options_.side, options_.side}, "density");
    return to_finite_map(response, module_);
  });
}

}  // namespace persense::torchscript
