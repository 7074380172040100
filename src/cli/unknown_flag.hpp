// unknown_flag.hpp: what to say of a flag that is none.
#pragma once

#include <optional>
#include <string>

#include "command.hpp"

namespace persense::cli {

/// "--suport: unknown flag; did you mean --support?" for the first argument that looks like a flag
/// and that no option of the command took; nothing where there is none. The nearest flag is named
/// where one is near.
std::optional<std::string> unknown_flag(Command command);

}  // namespace persense::cli
