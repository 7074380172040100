// What answers to ONNX models in a build without ONNX Runtime's headers.
#include "persense/error.hpp"
#include "session.hpp"

namespace persense::onnx {

std::string runtime_name(const std::filesystem::path& model) {
  throw InvalidArgument(
      model.string() +
      ": this build cannot run ONNX models, as it was made without ONNX Runtime's "
      "headers (PERSENSE_WITH_ONNX); the TorchScript archive will do");
}

struct Session::State {};

Session::Session(const std::filesystem::path& file, const Options&) { runtime_name(file); }
Session::~Session() = default;

std::size_t Session::inputs() const { return 0; }
std::size_t Session::outputs() const { return 0; }
std::vector<Tensor> Session::run(std::span<const Tensor>, std::size_t) const { return {}; }

}  // namespace persense::onnx
