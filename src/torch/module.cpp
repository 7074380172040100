#include "persense/torch/module.hpp"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include "manifest.hpp"
#include "persense/error.hpp"

namespace persense::torchscript {

struct Module::Loaded {
  mutable torch::jit::Module module;
};

Placement placement(std::string_view, std::string_view) { return {}; }

Module::Module(const std::filesystem::path& file, Stage expected, Placement placement)
    : file_(file), placement_(placement) {
  torch::jit::ExtraFilesMap extra{{"persense.json", ""}};
  auto loaded = std::make_shared<Loaded>();
  loaded->module = torch::jit::load(file.string(), placement.device, extra);
  loaded->module.eval();
  manifest_ = parse_manifest(extra["persense.json"], file.string());
  if (manifest_.stage != expected) throw BadModel("stage");
  loaded_ = std::move(loaded);
}

std::vector<at::Tensor> Module::operator()(std::vector<c10::IValue> inputs) const {
  const c10::InferenceMode no_gradients;
  const c10::IValue result = loaded_->module.forward(std::move(inputs));
  if (result.isTensor()) return {result.toTensor()};
  if (result.isTensorList()) return result.toTensorVector();
  std::vector<at::Tensor> tensors;
  for (const auto& element : result.toTupleRef().elements()) tensors.push_back(element.toTensor());
  return tensors;
}

void Module::require_shape(const at::Tensor& tensor, const std::vector<std::int64_t>& shape,
                           std::string_view what) const {
  bool fits = tensor.dim() == static_cast<std::int64_t>(shape.size());
  for (std::size_t i = 0; fits && i < shape.size(); ++i)
    fits = shape[i] == -1 || shape[i] == tensor.size(static_cast<std::int64_t>(i));
  if (!fits)
    throw BadModel(fmt::format("{}: {}: got shape [{}], expected [{}]", file_.string(), what,
                               fmt::join(tensor.sizes(), ", "), fmt::join(shape, ", ")));
}

void set_threads(int threads) { at::set_num_threads(threads); }

}  // namespace persense::torchscript
