// What an ONNX file says of itself. ONNX Runtime, which reads it after that, has no part in this.
#include <sstream>

#include "models/onnx_file.hpp"
#include "target.hpp"

using namespace persense;
using namespace persense::fuzz;
using onnx::ModelFile;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto read = [&] {
    std::istringstream bytes(std::string(reinterpret_cast<const char*>(data), size));
    return ModelFile(bytes, "model");
  };
  accepts([&] {
    const ModelFile model = read();
    require(model.size() == size, "a model has the size of its bytes");
    require(model.parameters() >= 0, "a model has no fewer weights than none");
    require(model.parameters() == read().parameters(), "it is the same each time");
    accepts([&] {
      require(model.text("persense.json").size() <= size, "a text is a part of the file");
    });
  });
  return 0;
}
