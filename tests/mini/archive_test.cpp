// The trained network that is part of the library.
#include <algorithm>

#include "catch.hpp"
#include "io/scratch.hpp"
#include "message_of.hpp"
#include "models/archive.hpp"
#include "persense/mini/mini.hpp"

using namespace persense;
using namespace persense::test;

TEST_CASE("mini_archive: is the repository's file, byte for byte", "[mini]") {
  const Bytes file = bytes_of(fs::path(PERSENSE_SOURCE_DIR) / "src/mini/mini.pt");
  const auto built_in = mini::mini_archive();
  REQUIRE(built_in.bytes.size() == file.size());
  CHECK(std::equal(file.begin(), file.end(), built_in.bytes.begin()));
  CHECK(file.size() <= 14'000'000);
}

TEST_CASE("mini_archive: is whole, and says what it is without LibTorch", "[mini]") {
  const Archive archive(mini::mini_archive());
  CHECK_NOTHROW(archive.verify());
  const Manifest manifest = archive.manifest(Stage::all);
  CHECK(manifest.name == "mini");
  CHECK(manifest.calibration.scores.size() >= 2);
}

TEST_CASE("Archive: of another stage than expected, it is an error that names both",
          "[mini][errors]") {
  const Archive archive(mini::mini_archive());
  CHECK_THAT(message_of<BadModel>([&] { archive.manifest(Stage::dmg); }),
             Catch::Matchers::ContainsSubstring(
                 "got a module of stage all (\"mini\"), expected one of stage dmg"));
}
