#include "persense/torch/module.hpp"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/thread_pool.h>
#include <caffe2/serialize/inline_container.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/version.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>

#include "libtorch_errors.hpp"
#include "mini/cores.hpp"
#include "models/archive.hpp"
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

void require_available(const at::Device& device) {
  if (!device.is_cuda()) return;
  const auto unavailable = [&](const std::string& why) {
    return DeviceUnavailable(fmt::format("device: got \"{}\", but {}", device.str(), why));
  };
  if (!at::CUDAHooksRegistry()->Has("CUDAHooks"))
    throw unavailable(fmt::format("this build's LibTorch {} is for the CPU alone", TORCH_VERSION));
  const auto count = at::hasCUDA() ? at::getNumGPUs() : 0;
  if (count == 0) throw unavailable("there is no CUDA device, or no driver for it");
  if (static_cast<std::size_t>(std::max<int>(device.index(), 0)) >= count)
    throw unavailable(fmt::format("there {} cuda:0{}", count == 1 ? "is only" : "are only",
                                  count == 1 ? "" : fmt::format(" to cuda:{}", count - 1)));
}

at::Device device_of(std::string_view text) {
  if (text == "cpu") return at::kCPU;
  int index = 0;
  constexpr std::string_view cuda = "cuda", prefix = "cuda:";
  const char* const end = text.data() + text.size();
  const bool numbered =
      text.starts_with(prefix) && text.size() > prefix.size() && text[prefix.size()] != '-';
  const auto parsed = numbered ? std::from_chars(text.data() + prefix.size(), end, index)
                               : std::from_chars_result{end, std::errc()};
  if ((text != cuda && !numbered) || parsed.ec != std::errc() || parsed.ptr != end || index > 127)
    throw InvalidArgument(
        fmt::format("device: got \"{}\", expected cpu, cuda or cuda:N as in cuda:1", text));
  return {at::kCUDA, static_cast<c10::DeviceIndex>(index)};
}

at::ScalarType dtype_of(std::string_view text) {
  if (text == "fp32") return at::kFloat;
  if (text == "fp16") return at::kHalf;
  if (text == "bf16") return at::kBFloat16;
  throw InvalidArgument(fmt::format("dtype: got \"{}\", expected fp32, fp16 or bf16", text));
}

bool threads_were_set = false;  // guarded by the mutex below
std::mutex threads_mutex;

/// LibTorch begins with a thread for each physical core, a distribution's with one, and neither
/// knows of quotas. What the environment or the program around this library chose stays.
void default_threads() {
  const std::lock_guard lock(threads_mutex);
  if (threads_were_set || std::getenv("OMP_NUM_THREADS") != nullptr) return;
  const int now = at::get_num_threads();
  if (now == 1 || now == static_cast<int>(c10::TaskThreadPoolBase::defaultNumThreads()))
    at::set_num_threads(mini::usable_cores());
  threads_were_set = true;
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

}  // namespace

Placement placement(std::string_view device, std::string_view dtype) {
  const Placement result{device_of(device), dtype_of(dtype)};
  if (result.device.is_cpu() && result.dtype == at::kHalf)
    throw InvalidArgument("dtype: got \"fp16\" on the CPU, expected fp32 or bf16 there");
  require_available(result.device);
  return result;
}

void set_threads(int threads) {
  mini::require_threads(threads);
  if (threads == 0) return default_threads();
  const std::lock_guard lock(threads_mutex);
  at::set_num_threads(threads);
  threads_were_set = true;
}

struct Module::Loaded {
  torch::jit::Module module;
};

Module::Module(const std::filesystem::path& file, Stage expected, Placement placement)
    : Module(std::make_shared<const Archive>(file), expected, placement) {}

Module::Module(const EmbeddedArchive& archive, Stage expected, Placement placement)
    : Module(std::make_shared<const Archive>(archive), expected, placement) {}

Module::Module(std::shared_ptr<const Archive> archive, Stage expected, Placement placement)
    : file_(archive->name()), manifest_(archive->manifest(expected)), placement_(placement) {
  require_available(placement.device);
  if (placement.device.is_cuda() && !placement.device.has_index()) placement_.device.set_index(0);
  if (const std::string& name = manifest_.text.vocabulary; !name.empty())
    vocabulary_ = archive->extra_file(name);
  default_threads();
  auto module = load(archive);
  translate(file_.string(), placement_.device.str(), "cannot be placed there",
            [&] { place(module, placement_); });
  loaded_ = std::make_shared<const Loaded>(Loaded{std::move(module)});
}

std::vector<at::Tensor> Module::operator()(std::vector<c10::IValue> inputs) const {
  return call("forward", std::move(inputs));
}

std::vector<at::Tensor> Module::call(const char* method, std::vector<c10::IValue> inputs) const {
  require_methods({method});
  const std::string doing = fmt::format("its {} failed", method);
  return translate(file_.string(), placement_.device.str(), doing, [&] {
    const c10::InferenceMode no_gradients;
    // Optimising for the shapes of the first calls costs seconds, and again whenever they change,
    // which the number of prompts does.
    const torch::jit::GraphOptimizerEnabledGuard as_written(false);
    return tensors_of(loaded_->module.get_method(method)(std::move(inputs)));
  });
}

void Module::require_methods(std::initializer_list<const char*> methods) const {
  for (const char* const method : methods)
    if (!loaded_->module.find_method(method))
      throw BadModel(fmt::format("{}: got a module without the method {}, expected one with {}",
                                 file_.string(), method, fmt::join(methods, ", ")));
}

void Module::require_shape(const at::Tensor& tensor, const std::vector<std::int64_t>& shape,
                           std::string_view what) const {
  bool fits = tensor.dim() == static_cast<std::int64_t>(shape.size());
  for (std::size_t i = 0; fits && i < shape.size(); ++i)
    fits = shape[i] == -1 || shape[i] == tensor.size(static_cast<std::int64_t>(i));
  if (fits) return;
  std::vector<std::string> expected;
  for (const auto length : shape) expected.push_back(length == -1 ? "any" : std::to_string(length));
  throw BadModel(fmt::format("{}: {}: got shape [{}], expected [{}]", file_.string(), what,
                             fmt::join(tensor.sizes(), ", "), fmt::join(expected, ", ")));
}

namespace {

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

}  // namespace

ArchiveInfo inspect(const std::filesystem::path& file) {
  const auto archive = std::make_shared<const Archive>(file);
  ArchiveInfo info{
      .manifest = archive->manifest(), .bytes = archive->size(), .parts = archive->parts().size()};
  const auto module = load(archive);
  Counter counter;
  for_each_tensor(module, [&](const at::Tensor& tensor) { counter.add(tensor); });
  const auto graph = module.get_method("forward").graph();
  const torch::jit::Block* const code = graph->block();
  counter.add(code);
  info.parameters = counter.count();
  return info;
}

}  // namespace persense::torchscript
