// What the file of a model says of itself, whatever kind it is.
#include "archive.hpp"
#include "manifest.hpp"
#include "model_path.hpp"
#include "onnx_file.hpp"

namespace persense {

Manifest read_manifest(const std::filesystem::path& file) {
  if (!is_onnx(file)) return Archive(file).manifest();
  const onnx::ModelFile model(file);
  return parse_manifest(model.text("persense.json"), model.name());
}

}  // namespace persense
