// `persense info` on archives of every stage.
#include <nlohmann/json.hpp>

#include "archives.hpp"
#include "catch.hpp"
#include "cli/workspace.hpp"

using namespace persense::test;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

/// What the program prints about an archive with this manifest and four weights.
std::string info_of(const Workspace& work, const std::string& manifest, const std::string& flags) {
  save_archive(work / "m.pt", manifest, "def forward(self, x):\n  return x * self.w\n",
               [](auto& m) { m.register_parameter("w", torch::ones({4}), false); });
  const Outcome outcome = work.run("info m.pt " + flags);
  INFO(outcome.err);
  CHECK(outcome.exit == 0);
  CHECK(outcome.err.empty());
  return outcome.out;
}

const std::string decoder_manifest =
    R"({"format": 1, "stage": "decoder", "name": "sam_vit_b", "encoder": "sam_vit_b",
        "input": {"size": 1024}, "output": {"channels": 256, "stride": 16, "masks": 3},
        "upstream": "segment-anything,\nApache-2.0", "sha256_weights": "00ff"})";
const std::string dmg_manifest =
    R"({"format": 1, "stage": "dmg", "name": "countr",
        "input": {"size": 384, "mean": [0, 0, 0], "std": [255, 255, 255], "exemplar_size": 64},
        "output": {"scale": 60}, "dtype": "fp16"})";
const std::string mini_manifest =
    R"({"format": 1, "stage": "all", "name": "mini", "dtype": "fp16", "upstream": "persense"})";

}  // namespace

TEST_CASE("persense info: a line for everything an archive says, by its stage", "[torch][cli]") {
  const Workspace work;
  const auto encoder = info_of(work, encoder_manifest, "");
  for (const auto* line : {"stage       encoder\n", "name        tiny\n",
                           "input       RGB, longest side 32 pixels, padded to a square, mean "
                           "123.5 116 103, std 58 57 "
                           "56.5\n",
                           "output      3 channels, a cell every 4 pixels\n", "prototype   mean\n",
                           "dtype       fp32\n", "parameters  4\n", " kB\n", " right\n"})
    CHECK_THAT(encoder, ContainsSubstring(line));
  const auto decoder = info_of(work, decoder_manifest, "");
  for (const auto* line :
       {"stage       decoder\n", "encoder     sam_vit_b\n", "output      3 masks a prompt\n",
        "checkpoint  sha256 00ff\n", "upstream    segment-anything, Apache-2.0\n"})
    CHECK_THAT(decoder, ContainsSubstring(line));
  const auto dmg = info_of(work, dmg_manifest, "");
  for (const auto* line : {"stage       dmg\n", "input       RGB, 384 x 384 pixels, mean 0 0 0",
                           "output      density times 60\n", "dtype       fp16\n"})
    CHECK_THAT(dmg, ContainsSubstring(line));
  const auto all = info_of(work, mini_manifest, "");
  CHECK_THAT(all, StartsWith("stage       all: encoder, detector, dmg, decoder\nname        mini\n"
                             "dtype       fp16\nparameters  4\nsize "));
}

TEST_CASE("persense info --json: the manifest's numbers as they were written", "[torch][cli]") {
  const Workspace work;
  const auto encoder = nlohmann::json::parse(info_of(work, encoder_manifest, "--json"));
  CHECK(encoder["file"] == "m.pt");
  CHECK(encoder["stage"] == "encoder");
  CHECK(encoder["input"] == nlohmann::json::parse(R"({"size": 32, "mean": [123.5, 116, 103],
                                                      "std": [58, 57, 56.5], "pad_multiple": 0})"));
  CHECK(encoder["output"] == nlohmann::json::parse(R"({"channels": 3, "stride": 4})"));
  CHECK(encoder["parameters"] == 4);
  CHECK(encoder["bytes"] == fs::file_size(work / "m.pt"));
  const auto dmg = nlohmann::json::parse(info_of(work, dmg_manifest, "--json"));
  CHECK(dmg["input"]["exemplar_size"] == 64);
  CHECK(dmg["output"] == nlohmann::json::parse(R"({"scale": 60})"));
  const auto all = nlohmann::json::parse(info_of(work, mini_manifest, "--json"));
  CHECK(all["stage"] == "all");
  CHECK(all["parameters"] == 4);
  CHECK(!all.contains("input"));
  CHECK(!all.contains("output"));
}

TEST_CASE("persense info: a damaged archive is one line and exit code 3", "[torch][cli][errors]") {
  const Workspace work;
  save_archive(work / "m.pt", encoder_manifest, "def forward(self, x):\n  return x\n");
  work.truncate("m.pt");
  const Outcome outcome = work.run("info m.pt");
  CHECK(outcome.exit == 3);
  CHECK(outcome.lines() == 1);
  CHECK_THAT(outcome.err, ContainsSubstring("persense: error: m.pt: truncated archive"));
}
