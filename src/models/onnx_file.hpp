// onnx_file.hpp (private): what an ONNX file says of itself, read without a runtime and without
// its weights.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <map>
#include <string>

namespace persense::onnx {

/// The outline of a model's file. Weights are skipped, so the largest takes milliseconds.
class ModelFile {
 public:
  /// @throws FileNotFound. @throws Unreadable  a folder, no permission, truncated, or fields that
  ///   contradict one another. @throws BadModel  no ONNX model.
  explicit ModelFile(const std::filesystem::path& path);
  /// The same of its bytes. @param name  begins every message.
  ModelFile(std::istream& bytes, std::string name);

  const std::string& name() const { return name_; }  ///< the path
  std::uint64_t size() const { return size_; }       ///< of the file, bytes
  /// Floating-point numbers among its weights, those that lie in a file beside it too.
  std::int64_t parameters() const { return parameters_; }

  /// A text of the model's metadata. @throws BadModel  there is none, or it is too long.
  const std::string& text(const std::string& name) const;

 private:
  void read(std::istream& bytes);

  std::string name_;
  std::uint64_t size_ = 0;
  std::int64_t parameters_ = 0;
  std::map<std::string, std::string> texts_;
};

}  // namespace persense::onnx
