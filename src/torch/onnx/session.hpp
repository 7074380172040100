// session.hpp (private): one ONNX model, loaded and run by ONNX Runtime, which is opened when the
// first one is asked for. Knows nothing of LibTorch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace persense::onnx {

enum class Type { float32, float64, float16, bfloat16, int32, int64, boolean };

/// Numbers in memory, in rows without gaps. Borrowed, or `owner` holds them.
struct Tensor {
  Type type = Type::float32;
  std::vector<std::int64_t> shape;
  void* data = nullptr;
  std::shared_ptr<void> owner;
};

/// What ONNX Runtime, wherever it was found, is called in messages: "ONNX Runtime 1.32.0".
/// @param model  that asks for it; begins the messages.
/// @throws InvalidArgument  a build without its headers. @throws Unreadable  no library, or one
/// that
///   does not fit.
std::string runtime_name(const std::filesystem::path& model);

/// A model on the CPU or a GPU. Tensors come from the host and go to the host.
/// @par Threads  `run` may be called from several threads at once; they share the session's own.
class Session {
 public:
  struct Options {
    int threads = 1;          ///< of its operators, the calling one included
    std::optional<int> cuda;  ///< number of a GPU; none: the CPU
  };

  /// @throws what runtime_name does. @throws DeviceUnavailable  a GPU, of which this ONNX Runtime
  ///   knows nothing. @throws std::exception  a model that it cannot load, in its own words.
  Session(const std::filesystem::path& file, const Options& options);
  ~Session();

  std::size_t inputs() const;   ///< how many there are
  std::size_t outputs() const;  ///< how many there are

  /// @param inputs   all of them, in the model's order. @param count  of the first outputs, which
  ///   alone are computed.
  /// @throws std::exception  inputs that do not fit, or what else goes wrong, in ONNX Runtime's
  /// words.
  std::vector<Tensor> run(std::span<const Tensor> inputs, std::size_t count) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace persense::onnx
