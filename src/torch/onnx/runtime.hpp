// runtime.hpp (private): ONNX Runtime's library, opened when it is first asked for.
#pragma once

// Nothing links the library: its functions come from what `runtime` opens.
#define ORT_API_MANUAL_INIT
#include <onnxruntime_cxx_api.h>
#undef ORT_API_MANUAL_INIT

#include <filesystem>
#include <string>

namespace persense::onnx {

/// The library, open for as long as the process runs: sessions may end after `main`.
struct Runtime {
  std::string name;  ///< "ONNX Runtime 1.32.0"
  Ort::Env environment{nullptr};
};

/// Opens the library on the first call, and again after one that threw. It is looked for
///   1. where the environment variable PERSENSE_ONNXRUNTIME says, and then nowhere else;
///   2. in the Python package onnxruntime that is installed beside the package of this library;
///   3. where CMake found it;
///   4. where the loader looks for libonnxruntime.so.1 and libonnxruntime.so.
/// @param model  that asks for it; begins the messages.
/// @throws Unreadable  not found, damaged, or older than the headers of this build.
const Runtime& runtime(const std::filesystem::path& model);

}  // namespace persense::onnx
