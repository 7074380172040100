#include "persense/torch/module.hpp"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/thread_pool.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/version.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <mutex>

#include "libtorch_errors.hpp"
#include "mini/cores.hpp"
#include "models/manifest.hpp"
#include "models/model_path.hpp"
#include "network.hpp"
#include "persense/error.hpp"

namespace persense::torchscript {

namespace {

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

Module::Module(const std::filesystem::path& file, Stage expected, Placement placement)
    : Module(*open_model(file), expected, placement) {}

Module::Module(const EmbeddedArchive& archive, Stage expected, Placement placement)
    : Module(*open_torchscript(archive), expected, placement) {}

Module::Module(const ModelFile& file, Stage expected, Placement placement)
    : file_(file.name()), manifest_(file.manifest()), placement_(placement) {
  require_stage(manifest_, expected, file_.string());
  require_available(placement.device);
  if (placement.device.is_cuda() && !placement.device.has_index()) placement_.device.set_index(0);
  if (const std::string& name = manifest_.text.vocabulary; !name.empty())
    vocabulary_ = file.extra_file(name);
  default_threads();
  network_ = file.load(placement_);
}

std::vector<at::Tensor> Module::operator()(std::vector<c10::IValue> inputs) const {
  return call("forward", std::move(inputs));
}

std::vector<at::Tensor> Module::call(const char* method, std::vector<c10::IValue> inputs) const {
  require_methods({method});
  const std::string doing = fmt::format("its {} failed", method);
  return translate(file_.string(), placement_.device.str(), doing, [&] {
    const c10::InferenceMode no_gradients;
    return network_->run(method, std::move(inputs));
  });
}

void Module::require_methods(std::initializer_list<const char*> methods) const {
  for (const char* const method : methods)
    if (!network_->has(method))
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

std::unique_ptr<const ModelFile> open_model(const std::filesystem::path& file) {
  return is_onnx(file) ? open_onnx(file) : open_torchscript(file);
}

ArchiveInfo inspect(const std::filesystem::path& file) { return open_model(file)->inspect(); }

}  // namespace persense::torchscript
