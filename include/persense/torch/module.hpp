// persense/torch/module.hpp: one network, loaded, checked and run: a TorchScript archive by
// LibTorch, or an ONNX model (a file *.onnx) by ONNX Runtime.
//
// Nothing else in the library loads or runs a module.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "persense/models/manifest.hpp"

namespace persense {
class Archive;
}

namespace persense::torchscript {

/// Where and in which precision a module runs.
struct Placement {
  at::Device device{at::kCPU};
  at::ScalarType dtype = at::kFloat;
};

/// @param device  "cpu", "cuda" or "cuda:N". @param dtype  "fp32", "fp16" or "bf16".
/// @throws InvalidArgument    another text, or fp16 on the CPU.
/// @throws DeviceUnavailable  a CUDA device that this machine or build does not have.
Placement placement(std::string_view device, std::string_view dtype);

class ModelFile;
class Network;

/// A loaded archive or ONNX model. Movable; cheap to copy (the weights are shared).
/// @par Threads  `operator()` and `call` may be called from several threads at once.
class Module {
 public:
  /// Checks that the file is whole (every part's checksum: LibTorch by itself loads damaged
  /// weights), that its manifest fits, and places it.
  /// An ONNX model has no checksums: that it is whole is for ONNX Runtime to see. It runs in fp32,
  /// has no method but `forward`, and keeps the number of threads that it was loaded with.
  /// @throws FileNotFound, Unreadable (also: ONNX Runtime is not there), BadModel (another stage, a
  ///   newer format, not TorchScript), OutOfMemory, InvalidArgument (an ONNX model in half
  ///   precision, or a build without), DeviceUnavailable.
  Module(const std::filesystem::path& file, Stage expected, Placement placement = {});
  /// The same for bytes in memory, which are copied: they are needed no longer.
  /// @throws Unreadable, BadModel, OutOfMemory  as above.
  Module(const EmbeddedArchive& archive, Stage expected, Placement placement = {});

  const Manifest& manifest() const { return manifest_; }
  /// The file that `manifest().text.vocabulary` names; empty without one.
  const std::string& vocabulary() const { return vocabulary_; }
  const Placement& placement() const { return placement_; }
  /// Of an archive in memory: its name.
  const std::filesystem::path& file() const { return file_; }

  /// Runs `forward` without gradients. Floating-point tensors must already have the placement's
  /// device and dtype. A tensor gives one element, a tuple or list of tensors one each.
  /// @throws OutOfMemory  naming the archive and the device.
  /// @throws BadModel     anything else the module throws, in one line.
  std::vector<at::Tensor> operator()(std::vector<c10::IValue> inputs) const;

  /// Runs another of the archive's methods in the same way. @throws BadModel  also when there is
  /// none of this name; see require_methods.
  std::vector<at::Tensor> call(const char* method, std::vector<c10::IValue> inputs) const;

  /// @throws BadModel  unless the archive has all of these methods, for `call`.
  void require_methods(std::initializer_list<const char*> methods) const;

  /// @throws BadModel  unless `tensor` has this shape; -1 is any length. `what` names the tensor.
  void require_shape(const at::Tensor& tensor, const std::vector<std::int64_t>& shape,
                     std::string_view what) const;

 private:
  Module(const ModelFile& file, Stage expected, Placement placement);

  std::filesystem::path file_;
  Manifest manifest_;
  std::string vocabulary_;
  Placement placement_;
  std::shared_ptr<const Network> network_;
};

/// Checks the whole archive, of any stage, and loads it on the CPU to count its parameters.
/// @throws as read_manifest; BadModel  also when LibTorch cannot load it; OutOfMemory.
/// @par Threads  Safe to call concurrently.
ArchiveInfo inspect(const std::filesystem::path& file);

/// Threads that LibTorch's CPU kernels use, for the whole process. 0: as OMP_NUM_THREADS, an
/// earlier call or the program around this library has it; where nobody chose, all cores that the
/// process may use, by its affinity and its control group's quota. Called by the first Module with
/// 0.
void set_threads(int threads);

}  // namespace persense::torchscript
