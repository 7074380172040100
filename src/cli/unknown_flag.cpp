#include "unknown_flag.hpp"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "nearest.hpp"

namespace persense::cli {

namespace {

/// The flag of the command that is most like this one; empty: none is.
std::string nearest_flag(Command command, const std::string& flag) {
  std::vector<std::string> known;
  for (const Flag other : command.flags())
    for (const std::string& name : other.long_names()) known.push_back("--" + name);
  return persense::detail::nearest(flag, known);
}

}  // namespace

std::optional<std::string> unknown_flag(Command command) {
  for (const std::string& argument : command.remaining()) {
    if (argument.size() < 2 || argument[0] != '-') continue;
    const std::string flag = argument.substr(0, argument.find('='));
    const std::string known = nearest_flag(command, flag);
    return fmt::format("{}: unknown flag{}", flag,
                       known.empty() ? "" : fmt::format("; did you mean {}?", known));
  }
  return std::nullopt;
}

}  // namespace persense::cli
