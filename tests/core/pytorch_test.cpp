// The PyTorch of a Python environment is recognised by a file of it, without loading anything.
#include "engine/pytorch.hpp"

#include "../io/scratch.hpp"
#include "catch.hpp"

namespace fs = std::filesystem;
using persense::pytorch_problem;
using persense::test::Scratch;

namespace {

/// A folder with the file in which PyTorch says its version.
struct Torch {
  explicit Torch(const std::string& version_file) {
    std::ofstream(scratch / "version.py") << version_file;
  }
  Scratch scratch;
  const fs::path& folder = scratch.path();
};

constexpr const char* version_file =
    "from typing import Optional\n\n__all__ = ['__version__', 'cuda']\n__version__ = "
    "'2.15.0+cu132'\n";

}  // namespace

TEST_CASE("networks run on a PyTorch of the release that the package was built with") {
  const Torch torch(version_file);
  CHECK(pytorch_problem(torch.folder, "2.15.0+cu132").empty());
  CHECK(pytorch_problem(torch.folder, "2.15.0+cpu").empty());
  CHECK(pytorch_problem(torch.folder, "2.15.0").empty());
}

TEST_CASE("another release of PyTorch is named, with the one that is needed") {
  const Torch torch(version_file);
  for (const std::string built_with : {"2.15.1", "2.14.0+cpu", "12.15.0"}) {
    CAPTURE(built_with);
    const std::string problem = pytorch_problem(torch.folder, built_with);
    const std::string release = built_with.substr(0, built_with.find('+'));
    CHECK(problem == "this package runs networks on PyTorch " + release + ", got 2.15.0+cu132 at " +
                         torch.folder.string() + ": pip install torch==" + release);
  }
}

TEST_CASE("a PyTorch that is missing, or does not say its version, is one that is not there") {
  const Torch torch("nothing of interest\n");
  for (const fs::path& folder : {torch.folder, torch.folder / "none"})
    CHECK(pytorch_problem(folder, "2.15.0") ==
          "this package runs networks on PyTorch 2.15.0, got none at " + folder.string() +
              ": pip install torch==2.15.0");
}
