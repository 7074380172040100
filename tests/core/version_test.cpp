#include "persense/version.hpp"

#include "catch.hpp"

TEST_CASE("version: headers, macros and CMake's project say the same", "[version]") {
  CHECK(persense::version == PERSENSE_PROJECT_VERSION);
  CHECK(std::to_string(PERSENSE_VERSION_MAJOR) + "." + std::to_string(PERSENSE_VERSION_MINOR) +
            "." + std::to_string(PERSENSE_VERSION_PATCH) ==
        PERSENSE_VERSION);
}
