// version.hpp: which persense the headers are of. CMake takes the project's version from here.
#pragma once

#include <string_view>

#define PERSENSE_VERSION_MAJOR 0
#define PERSENSE_VERSION_MINOR 1
#define PERSENSE_VERSION_PATCH 0

// two steps, so that the numbers and not the names of the macros become text
#define PERSENSE_VERSION_TEXT_OF(number) #number
#define PERSENSE_VERSION_JOINED(major, minor, patch) \
  PERSENSE_VERSION_TEXT_OF(major)                    \
  "." PERSENSE_VERSION_TEXT_OF(minor) "." PERSENSE_VERSION_TEXT_OF(patch)
/// The version as a string literal: "0.1.0".
#define PERSENSE_VERSION \
  PERSENSE_VERSION_JOINED(PERSENSE_VERSION_MAJOR, PERSENSE_VERSION_MINOR, PERSENSE_VERSION_PATCH)

namespace persense {

/// The version as MAJOR.MINOR.PATCH. Before 1.0 a minor version may break source and binary
/// compatibility, a patch never does.
inline constexpr std::string_view version = PERSENSE_VERSION;

}  // namespace persense
