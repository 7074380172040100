// One archive, loaded and run.
#include "persense/torch/module.hpp"

#include "archives.hpp"
#include "catch.hpp"
#include "io/scratch.hpp"

using namespace persense;
using namespace persense::test;
using torchscript::Module;
using torchscript::Stage;

TEST_CASE("torch Module: gives what the archive's forward gives", "[torch]") {
  const Scratch folder;
  save_archive(folder / "m.pt", encoder_manifest, "def forward(self, x):\n  return x * 2\n");
  const Module module(folder / "m.pt", Stage::encoder);
  CHECK(module.manifest().name == "tiny");
  const auto out = module({torch::ones({1, 3, 2, 2})});
  REQUIRE(out.size() == 1);
  CHECK(torch::equal(out[0], torch::full({1, 3, 2, 2}, 2.0f)));
}
