#include "session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "persense/error.hpp"
#include "runtime.hpp"

namespace persense::onnx {

namespace {

constexpr std::array<std::pair<Type, ONNXTensorElementDataType>, 7> types{
    {{Type::float32, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT},
     {Type::float64, ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE},
     {Type::float16, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16},
     {Type::bfloat16, ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16},
     {Type::int32, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32},
     {Type::int64, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64},
     {Type::boolean, ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL}}};

ONNXTensorElementDataType theirs(Type type) {
  return std::ranges::find(types, type, &decltype(types)::value_type::first)->second;
}

Type ours(ONNXTensorElementDataType type) {
  const auto found = std::ranges::find(types, type, &decltype(types)::value_type::second);
  if (found == types.end())
    throw std::runtime_error(
        fmt::format("it gave numbers of ONNX's type {}, which is not known here", int{type}));
  return found->first;
}

std::size_t bytes_of(const Tensor& tensor) {
  std::size_t bytes = 1;
  for (const std::int64_t length : tensor.shape) bytes *= static_cast<std::size_t>(length);
  switch (tensor.type) {
    case Type::boolean:
      return bytes;
    case Type::float16:
    case Type::bfloat16:
      return 2 * bytes;
    case Type::float32:
    case Type::int32:
      return 4 * bytes;
    case Type::float64:
    case Type::int64:
      return 8 * bytes;
  }
  return 0;
}

Ort::Value wrapped(const Tensor& tensor, const Ort::MemoryInfo& host) {
  static char nothing = 0;  // where there is no number there may be no memory
  return Ort::Value::CreateTensor(host, tensor.data == nullptr ? &nothing : tensor.data,
                                  bytes_of(tensor), tensor.shape.data(), tensor.shape.size(),
                                  theirs(tensor.type));
}

Tensor unwrapped(Ort::Value value) {
  if (!value.IsTensor()) throw std::runtime_error("it gave something else than a tensor");
  const auto about = value.GetTensorTypeAndShapeInfo();
  Tensor tensor{
      ours(about.GetElementType()), about.GetShape(), value.GetTensorMutableRawData(), {}};
  tensor.owner = std::make_shared<Ort::Value>(std::move(value));
  return tensor;
}

void add_cuda(Ort::SessionOptions& options, int device, const std::filesystem::path& model) {
  const auto unavailable = [&](const std::string& why) {
    return DeviceUnavailable(
        fmt::format("{}: device: got \"cuda:{}\", but {}", model.string(), device, why));
  };
  const std::vector<std::string> known = Ort::GetAvailableProviders();
  if (std::ranges::find(known, "CUDAExecutionProvider") == known.end())
    throw unavailable("this " + runtime_name(model) + " is for the CPU alone");
  OrtCUDAProviderOptionsV2* made = nullptr;
  Ort::ThrowOnError(Ort::GetApi().CreateCUDAProviderOptions(&made));
  const std::unique_ptr<OrtCUDAProviderOptionsV2, void (*)(OrtCUDAProviderOptionsV2*)> cuda(
      made, [](OrtCUDAProviderOptionsV2* it) { Ort::GetApi().ReleaseCUDAProviderOptions(it); });
  const std::string number = std::to_string(device);
  // TF32 would take three digits from what LibTorch computes in full precision
  constexpr std::array keys{"device_id", "use_tf32"};
  const std::array values{number.c_str(), "0"};
  Ort::ThrowOnError(
      Ort::GetApi().UpdateCUDAProviderOptions(made, keys.data(), values.data(), keys.size()));
  try {
    options.AppendExecutionProvider_CUDA_V2(*made);
  } catch (const Ort::Exception& e) {  // a library of NVIDIA's that is missing, say
    throw unavailable(e.what());
  }
}

Ort::SessionOptions options_for(const Session::Options& asked, const std::filesystem::path& model) {
  Ort::SessionOptions options;
  options.SetIntraOpNumThreads(asked.threads);
  options.DisableMemPattern();  // with it SAM's encoder takes 900 MB more, and no less time
  if (asked.cuda) add_cuda(options, *asked.cuda, model);
  return options;
}

}  // namespace

struct Session::State {
  Ort::Session session;
  std::vector<Ort::AllocatedStringPtr> inputs, outputs;
};

Session::Session(const std::filesystem::path& file, const Options& options) {
  const Runtime& library = runtime(file);
  state_ = std::make_unique<State>(
      State{Ort::Session(library.environment, file.c_str(), options_for(options, file)), {}, {}});
  Ort::AllocatorWithDefaultOptions allocator;
  Ort::Session& session = state_->session;
  for (std::size_t i = 0; i < session.GetInputCount(); ++i)
    state_->inputs.push_back(session.GetInputNameAllocated(i, allocator));
  for (std::size_t i = 0; i < session.GetOutputCount(); ++i)
    state_->outputs.push_back(session.GetOutputNameAllocated(i, allocator));
}

Session::~Session() = default;

std::size_t Session::inputs() const { return state_->inputs.size(); }
std::size_t Session::outputs() const { return state_->outputs.size(); }

std::vector<Tensor> Session::run(std::span<const Tensor> inputs, std::size_t count) const {
  if (inputs.size() != state_->inputs.size())
    throw std::runtime_error(
        fmt::format("got {} inputs, expected {}", inputs.size(), state_->inputs.size()));
  const auto host = Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeDefault);
  std::vector<Ort::Value> values;
  for (const Tensor& tensor : inputs) values.push_back(wrapped(tensor, host));
  std::vector<const char*> given, wanted;
  for (const auto& name : state_->inputs) given.push_back(name.get());
  for (const auto& name : state_->outputs) wanted.push_back(name.get());
  wanted.resize(std::min(count, wanted.size()));
  auto results = state_->session.Run(Ort::RunOptions{nullptr}, given.data(), values.data(),
                                     values.size(), wanted.data(), wanted.size());
  std::vector<Tensor> tensors;
  for (Ort::Value& value : results) tensors.push_back(unwrapped(std::move(value)));
  return tensors;
}

}  // namespace persense::onnx
