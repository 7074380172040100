// page.hpp: the page, as the program carries it.
#pragma once

#include <string_view>

namespace persense::serve {

/// HTML with its style and script inside.
std::string_view page();

}  // namespace persense::serve
