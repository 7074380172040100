// Networks that ONNX Runtime runs.
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "libtorch_errors.hpp"
#include "models/manifest.hpp"
#include "models/onnx_file.hpp"
#include "network.hpp"
#include "onnx/session.hpp"
#include "persense/error.hpp"

namespace persense::torchscript {

namespace {

constexpr std::array<std::pair<onnx::Type, at::ScalarType>, 7> types{
    {{onnx::Type::float32, at::kFloat},
     {onnx::Type::float64, at::kDouble},
     {onnx::Type::float16, at::kHalf},
     {onnx::Type::bfloat16, at::kBFloat16},
     {onnx::Type::int32, at::kInt},
     {onnx::Type::int64, at::kLong},
     {onnx::Type::boolean, at::kBool}}};

/// @param tensor  on the host, without gaps.
onnx::Tensor borrowed(const at::Tensor& tensor) {
  const auto found =
      std::ranges::find(types, tensor.scalar_type(), &decltype(types)::value_type::second);
  if (found == types.end())
    throw std::runtime_error(std::string("numbers of type ") + at::toString(tensor.scalar_type()) +
                             " are not given to ONNX models");
  return {found->first, tensor.sizes().vec(), tensor.data_ptr(), {}};
}

/// The runtime's own memory, which lives as long as the tensor.
at::Tensor shared(const onnx::Tensor& tensor) {
  const auto type = std::ranges::find(types, tensor.type, &decltype(types)::value_type::first);
  return at::from_blob(
      tensor.data, tensor.shape, [owner = tensor.owner](void*) {}, at::dtype(type->second));
}

/// SAM's prompts as the decoder's graph has them: what is left out has a length of 0, as ONNX knows
/// no None. `persense_export.graphs.sam.feed` is the same in Python.
std::vector<at::Tensor> decoder_inputs(const std::vector<c10::IValue>& given) {
  constexpr std::size_t arguments = 7;
  if (given.size() != arguments)
    throw std::runtime_error(fmt::format("got {} inputs, expected {}", given.size(), arguments));
  const at::Tensor embedding = given[0].toTensor(), coords = given[1].toTensor();
  const std::int64_t prompts = coords.size(0), channels = embedding.size(1);
  const std::int64_t height = embedding.size(2), width = embedding.size(3);
  const auto or_empty = [&](const c10::IValue& value, at::IntArrayRef shape) {
    return value.isNone() ? at::empty(shape, embedding.options()) : value.toTensor();
  };
  const c10::IValue& box = given[3];
  return {embedding,
          coords,
          given[2].toTensor(),
          box.isNone() ? at::empty({prompts, 0, 4}, coords.options()) : box.toTensor().unsqueeze(1),
          or_empty(given[4], {0, 1, 4 * height, 4 * width}),
          or_empty(given[5], {0, height * width}),
          or_empty(given[6], {0, channels})};
}

/// How many of a model's first outputs are an answer; others are for comparisons.
std::size_t outputs_of(Stage stage) {
  return stage == Stage::decoder || stage == Stage::detector ? 2 : 1;
}

class OnnxNetwork final : public Network {
 public:
  OnnxNetwork(const std::filesystem::path& file, Stage stage, const at::Device& device)
      : session_(file, options_for(device)), stage_(stage), device_(device) {}

  bool has(std::string_view method) const override { return method == "forward"; }

  std::vector<at::Tensor> run(const std::string&, std::vector<c10::IValue> inputs) const override {
    std::vector<at::Tensor> tensors;
    if (stage_ == Stage::decoder)
      tensors = decoder_inputs(inputs);
    else
      for (const c10::IValue& input : inputs) tensors.push_back(input.toTensor());
    std::vector<onnx::Tensor> given;
    for (at::Tensor& tensor : tensors) {
      tensor = tensor.to(at::kCPU).contiguous();
      given.push_back(borrowed(tensor));
    }
    std::vector<at::Tensor> found;
    for (const onnx::Tensor& output : session_.run(given, outputs_of(stage_)))
      found.push_back(shared(output).to(device_));
    return found;
  }

 private:
  static onnx::Session::Options options_for(const at::Device& device) {
    onnx::Session::Options options{.threads = at::get_num_threads(), .cuda = {}};
    if (device.is_cuda()) options.cuda = device.index();
    return options;
  }

  onnx::Session session_;
  Stage stage_;
  at::Device device_;
};

class OnnxFile final : public ModelFile {
 public:
  explicit OnnxFile(const std::filesystem::path& path) : path_(path), file_(path) {}

  std::string name() const override { return file_.name(); }
  Manifest manifest() const override { return parse_manifest(extra_file("persense.json"), name()); }
  std::string extra_file(const std::string& name) const override { return file_.text(name); }

  std::unique_ptr<const Network> load(const Placement& placement) const override {
    if (placement.dtype != at::kFloat)
      throw InvalidArgument(
          fmt::format("{}: dtype: got \"{}\", expected fp32, in which ONNX models run; half "
                      "precision needs the TorchScript archive",
                      name(), placement.dtype == at::kHalf ? "fp16" : "bf16"));
    const std::string doing = onnx::runtime_name(path_) + " cannot load it";
    return translate(name(), placement.device.str(), doing, [&] {
      return std::make_unique<const OnnxNetwork>(path_, manifest().stage, placement.device);
    });
  }

  ArchiveInfo inspect() const override {
    load({});
    return {.manifest = manifest(),
            .bytes = file_.size(),
            .parts = 0,
            .parameters = file_.parameters()};
  }

 private:
  std::filesystem::path path_;
  onnx::ModelFile file_;
};

}  // namespace

std::unique_ptr<const ModelFile> open_onnx(const std::filesystem::path& file) {
  return std::make_unique<const OnnxFile>(file);
}

}  // namespace persense::torchscript
