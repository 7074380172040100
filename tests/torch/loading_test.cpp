// LibTorch is loaded when the program is asked for an archive, and not before.
#include "archives.hpp"
#include "catch.hpp"
#include "cli/workspace.hpp"

using namespace persense::test;
using Catch::Matchers::ContainsSubstring;

namespace {

/// A folder with a copy of the program alone, and an archive.
struct Alone : Workspace {
  Alone() {
    save_archive(*this / "m.pt", R"({"format": 1, "stage": "dmg", "name": "countr",
                     "input": {"size": 384, "mean": [0, 0, 0], "std": [255, 255, 255],
                               "exemplar_size": 64}, "output": {"scale": 60}})",
                 "def forward(self, image, exemplars):\n  return image[:, 0]\n");
    fs::create_directories(*this / "elsewhere");
    fs::copy_file(program(), *this / "elsewhere/persense");
  }
};

}  // namespace

TEST_CASE("program: loads LibTorch for archives, and for nothing else", "[torch][cli]") {
  const Alone work;
  const std::string loaded = " 2>&1 | grep -c 'libtorch.*\\.so' || true";
  CHECK(work.shell("LD_DEBUG=files $P options" + loaded).out == "0\n");
  CHECK(work.shell("LD_DEBUG=files $P --version" + loaded).out == "0\n");
  CHECK(work.shell("LD_DEBUG=files $P segment --help" + loaded).out == "0\n");
  CHECK(work.shell("LD_DEBUG=files $P info m.pt" + loaded).out != "0\n");
  const std::string segment =
      "LD_DEBUG=files $P segment --support support.png --mask mask.png support.png -o out ";
  CHECK(work.shell(segment + "--models classic" + loaded).out == "0\n");
  CHECK(work.shell(segment + "--models mini" + loaded).out == "0\n");
  CHECK(work.shell(segment + "--dmg m.pt" + loaded).out != "0\n");
  CHECK(work.shell(segment + "--dtype bf16" + loaded).out != "0\n");
}

TEST_CASE(
    "program: without the library that runs networks it says where it looked, and what does "
    "without",
    "[torch][cli][errors]") {
  const Alone work;
  const Outcome outcome = work.shell("elsewhere/persense info m.pt");
  CHECK(outcome.exit == 3);
  CHECK(outcome.error_lines() == 1);
  CHECK_THAT(outcome.err, ContainsSubstring("libpersense_torch_plugin.so, which runs networks: not "
                                            "found in "));
  CHECK_THAT(outcome.err, ContainsSubstring("/elsewhere"));
  const std::string segment =
      "elsewhere/persense segment --support support.png --mask mask.png support.png -o out ";
  const Outcome with_archive = work.shell(segment + "--dmg m.pt");
  CHECK(with_archive.exit == 3);
  CHECK(with_archive.error_lines() == 1);
  CHECK_THAT(with_archive.err, ContainsSubstring("--models mini"));
  CHECK(work.shell(segment).exit == 0);
  CHECK(work.shell("elsewhere/persense options").exit == 0);
}

TEST_CASE("program: a damaged library that runs networks is one line", "[torch][cli][errors]") {
  const Alone work;
  work.save_text("elsewhere/libpersense_torch_plugin.so", "not a library\n");
  const Outcome outcome = work.shell("elsewhere/persense info m.pt");
  CHECK(outcome.exit == 3);
  CHECK(outcome.lines() == 1);
  CHECK_THAT(outcome.err, ContainsSubstring("libpersense_torch_plugin.so: cannot be loaded: "));
}
