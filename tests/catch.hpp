// Catch2, version 2 or 3, whichever is installed.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
using namespace Catch::Matchers;  // version 2 found these without a name
#else
#include <catch2/catch.hpp>

#include <iostream>

namespace Catch::Matchers {
/// Version 3's name for it.
inline auto ContainsSubstring(const std::string& text) { return Contains(text); }
}  // namespace Catch::Matchers

namespace persense::testing {
inline int skipped_tests = 0;  ///< main.cpp makes the exit code of it
}

/// Version 3's SKIP for version 2: ends the test case (or the void function it stands in) and says
/// why on a line of its own.
#define SKIP(message)                            \
  do {                                           \
    std::cout << "SKIPPED: " << message << '\n'; \
    ++persense::testing::skipped_tests;          \
    return;                                      \
  } while (false)
#endif
