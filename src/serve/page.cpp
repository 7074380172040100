#include "page.hpp"

#include <cstddef>

namespace persense::serve {

namespace {
#include "page.inc"
}

std::string_view page() { return {bytes, length}; }

}  // namespace persense::serve
