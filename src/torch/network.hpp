// network.hpp (private): what a runtime is to Module: a file that it can read, and a network that
// it runs. torchscript_network.cpp and onnx_network.cpp have one each.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "persense/models/manifest.hpp"
#include "persense/torch/module.hpp"

namespace persense::torchscript {

/// @par Threads  `run` may be called from several threads at once.
class Network {
 public:
  virtual ~Network() = default;
  virtual bool has(std::string_view method) const = 0;
  /// @param method  one that it has. @throws std::exception  in the runtime's words.
  virtual std::vector<at::Tensor> run(const std::string& method,
                                      std::vector<c10::IValue> inputs) const = 0;
};

class ModelFile {
 public:
  virtual ~ModelFile() = default;
  virtual std::string name() const = 0;  ///< begins every message: its path
  /// @throws Unreadable, BadModel  as `read_manifest`.
  virtual Manifest manifest() const = 0;
  /// One of the texts beside the network, such as a vocabulary. @throws Unreadable, BadModel.
  virtual std::string extra_file(const std::string& name) const = 0;
  /// @throws Unreadable, BadModel, OutOfMemory, DeviceUnavailable, InvalidArgument  see Module.
  virtual std::unique_ptr<const Network> load(const Placement& placement) const = 0;
  /// Loads the network as well, to see that it can be.
  virtual ArchiveInfo inspect() const = 0;
};

/// See is_onnx. @throws FileNotFound, Unreadable, BadModel.
std::unique_ptr<const ModelFile> open_model(const std::filesystem::path& file);

std::unique_ptr<const ModelFile> open_torchscript(const std::filesystem::path& file);
/// @param archive  its bytes must outlive the file.
std::unique_ptr<const ModelFile> open_torchscript(const EmbeddedArchive& archive);
std::unique_ptr<const ModelFile> open_onnx(const std::filesystem::path& file);

}  // namespace persense::torchscript
