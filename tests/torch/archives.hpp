// Small archives, made by LibTorch itself.
#pragma once

#include <torch/script.h>

#include <filesystem>
#include <functional>
#include <string>

namespace persense::test {

/// The manifest of an encoder of 3 channels and stride 4.
inline const std::string encoder_manifest = R"({"format": 1, "stage": "encoder", "name": "tiny",
  "input": {"size": 32, "mean": [123.5, 116, 103], "std": [58, 57, 56.5]},
  "output": {"channels": 3, "stride": 4}})";

/// @param source  TorchScript: `def forward(self, ...)`. @param prepare  may register parameters,
///   before the source is compiled. @param more  files that lie beside the manifest.
inline void save_archive(
    const std::filesystem::path& file, const std::string& manifest, const std::string& source,
    const std::function<void(torch::jit::Module&)>& prepare = [](torch::jit::Module&) {},
    torch::jit::ExtraFilesMap more = {}) {
  torch::jit::Module module("tiny");
  prepare(module);
  module.define(source);
  more["persense.json"] = manifest;
  module.save(file.string(), more);
}

}  // namespace persense::test
