// TorchScript archives, which LibTorch runs.
#include <c10/core/InferenceMode.h>
#include <caffe2/serialize/inline_container.h>
#include <fmt/format.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/version.h>

#include <map>
#include <set>
#include <stdexcept>

#include "libtorch_errors.hpp"
#include "models/archive.hpp"
#include "network.hpp"
#include "persense/error.hpp"

namespace persense::torchscript {

namespace {

/// What LibTorch reads an archive through: the very file that was checked.
class Source final : public caffe2::serialize::ReadAdapterInterface {
 public:
  explicit Source(std::shared_ptr<const Archive> archive) : archive_(std::move(archive)) {}
  const std::string& name() const { return archive_->name(); }
  std::size_t size() const override { return archive_->size(); }
  std::size_t read(std::uint64_t at, void* to, std::size_t bytes, const char*) const override {
    archive_->read(at, to, bytes);
    if (weights_.contains(at)) read_.insert_or_assign(to, bytes);
    return bytes;
  }

  /// @param at  where the bytes of a tensor begin.
  void watch(std::uint64_t at) { weights_.insert(at); }

  /// LibTorch believes the tensor's own account of its size, and would read whatever memory lies
  /// behind a part that is shorter. Weights that are deflated (LibTorch writes none) are not read
  /// to where they stay, and not known here.
  bool holds_all_of(const at::Tensor& tensor) const {
    const auto found = read_.find(tensor.storage().data());
    return found == read_.end() || found->second >= tensor.storage().nbytes();
  }

 private:
  std::shared_ptr<const Archive> archive_;
  std::set<std::uint64_t> weights_;
  mutable std::map<const void*, std::size_t> read_;
};

/// Calls `use` with every tensor of a module: parameters, buffers and plain attributes, also those
/// in lists. A shared one comes as often as it is found.
template <class Use>
void for_each_tensor(const torch::jit::Module& module, Use&& use) {
  c10::IValue(module._ivalue()).visit([&](const c10::IValue& value) {
    if (value.isTensor() && value.toTensor().defined()) use(value.toTensor());
    return false;
  });
}

/// Tells a source where LibTorch finds the bytes of tensors.
/// @throws Unreadable  libzip found nothing wrong with the directory, but LibTorch does.
void watch_tensors(const std::shared_ptr<Source>& source) {
  try {
    caffe2::serialize::PyTorchStreamReader reader(source);
    for (const std::string& name : reader.getAllRecords())
      if (name.starts_with("data/") || name.starts_with("constants/"))
        source->watch(reader.getRecordOffset(name));
  } catch (const c10::Error& e) {
    throw Unreadable(fmt::format("{}: damaged archive: {}", source->name(), useful_line(e.what())));
  }
}

torch::jit::Module load(const std::shared_ptr<const Archive>& archive) {
  archive->verify();
  const auto doing = fmt::format("LibTorch {} cannot load it", TORCH_VERSION);
  return translate(archive->name(), "cpu", doing, [&] {
    const auto source = std::make_shared<Source>(archive);
    watch_tensors(source);
    auto module = torch::jit::load(source, at::Device(at::kCPU));
    for_each_tensor(module, [&](const at::Tensor& tensor) {
      if (!source->holds_all_of(tensor))
        throw std::runtime_error("the file has fewer bytes for a tensor than that needs");
    });
    module.eval();
    if (!module.find_method("forward")) throw std::runtime_error("it has no method forward");
    return module;
  });
}

// Tensor by tensor, so that host and device hold the weights once each at most. (The module's own
// `to` would turn integer buffers into floating point.)
void place(torch::jit::Module& module, const Placement& placement) {
  const at::NoGradGuard no_gradients;
  for_each_tensor(module, [&](const at::Tensor& tensor) {
    const auto dtype = tensor.is_floating_point() ? placement.dtype : tensor.scalar_type();
    at::Tensor(tensor).set_data(tensor.to(placement.device, dtype));
  });
}

std::vector<at::Tensor> tensors_of(const c10::IValue& value) {
  if (value.isTensor()) return {value.toTensor()};
  if (value.isTensorList()) return value.toTensorVector();
  if (value.isTuple()) {
    std::vector<at::Tensor> tensors;
    for (const auto& element : value.toTupleRef().elements()) {
      const auto some = tensors_of(element);
      tensors.insert(tensors.end(), some.begin(), some.end());
    }
    return tensors;
  }
  throw std::runtime_error("it gave a value of type " + value.tagKind() + ", expected tensors");
}

/// Counts floating-point numbers, those of a tensor that is found twice once.
class Counter {
 public:
  void add(const at::Tensor& tensor) {
    if (tensor.is_floating_point() && seen_.insert(tensor.unsafeGetTensorImpl()).second)
      count_ += tensor.numel();
  }
  // A frozen module has its weights among the constants of its code.
  void add(at::ArrayRef<const torch::jit::Block*> blocks) {
    for (const auto* block : blocks)
      for (const auto* node : block->nodes()) {
        if (node->kind() == torch::jit::prim::Constant &&
            node->hasAttribute(torch::jit::attr::value) &&
            node->kindOf(torch::jit::attr::value) == torch::jit::AttributeKind::t)
          add(node->t(torch::jit::attr::value));
        add(node->blocks());
      }
  }
  std::int64_t count() const { return count_; }

 private:
  std::set<const void*> seen_;
  std::int64_t count_ = 0;
};

class TorchScriptNetwork final : public Network {
 public:
  explicit TorchScriptNetwork(torch::jit::Module module) : module_(std::move(module)) {}

  bool has(std::string_view method) const override {
    return module_.find_method(std::string(method)).has_value();
  }

  std::vector<at::Tensor> run(const std::string& method,
                              std::vector<c10::IValue> inputs) const override {
    // Optimising for the shapes of the first calls costs seconds, and again whenever they change,
    // which the number of prompts does.
    const torch::jit::GraphOptimizerEnabledGuard as_written(false);
    return tensors_of(module_.get_method(method)(std::move(inputs)));
  }

 private:
  torch::jit::Module module_;
};

class TorchScriptFile final : public ModelFile {
 public:
  explicit TorchScriptFile(std::shared_ptr<const Archive> archive) : archive_(std::move(archive)) {}

  std::string name() const override { return archive_->name(); }
  Manifest manifest() const override { return archive_->manifest(); }
  std::string extra_file(const std::string& name) const override {
    return archive_->extra_file(name);
  }

  std::unique_ptr<const Network> load(const Placement& placement) const override {
    auto module = torchscript::load(archive_);
    translate(name(), placement.device.str(), "cannot be placed there",
              [&] { place(module, placement); });
    return std::make_unique<const TorchScriptNetwork>(std::move(module));
  }

  ArchiveInfo inspect() const override {
    ArchiveInfo info{
        .manifest = manifest(), .bytes = archive_->size(), .parts = archive_->parts().size()};
    const auto module = torchscript::load(archive_);
    Counter counter;
    for_each_tensor(module, [&](const at::Tensor& tensor) { counter.add(tensor); });
    const auto graph = module.get_method("forward").graph();
    const torch::jit::Block* const code = graph->block();
    counter.add(code);
    info.parameters = counter.count();
    return info;
  }

 private:
  std::shared_ptr<const Archive> archive_;
};

}  // namespace

std::unique_ptr<const ModelFile> open_torchscript(const std::filesystem::path& file) {
  return std::make_unique<const TorchScriptFile>(std::make_shared<const Archive>(file));
}

std::unique_ptr<const ModelFile> open_torchscript(const EmbeddedArchive& archive) {
  return std::make_unique<const TorchScriptFile>(std::make_shared<const Archive>(archive));
}

}  // namespace persense::torchscript
