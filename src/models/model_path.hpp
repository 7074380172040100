// model_path.hpp (private): what every kind of model file has in common before it is read.
#pragma once

#include <filesystem>

namespace persense {

/// @throws FileNotFound  nothing is there. @throws Unreadable  a folder, or no permission to look.
void require_model_file(const std::filesystem::path& path);

/// A file whose name ends in .onnx is an ONNX model, any other a TorchScript archive.
inline bool is_onnx(const std::filesystem::path& path) { return path.extension() == ".onnx"; }

}  // namespace persense
