// unknown_flag.hpp: what to say of a flag that is none.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

namespace persense::cli {

/// "--suport: unknown flag; did you mean --support?" for the first argument that looks like a flag
/// and that no option of the command took; nothing where there is none. The nearest flag is named
/// where one is near.
std::optional<std::string> unknown_flag(const CLI::App& command);

}  // namespace persense::cli
