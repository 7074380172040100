#include "unknown_flag.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace persense::cli {

namespace {

/// How many letters have to be put in, left out or replaced.
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

/// The flag of the command that is most like this one; empty: none is.
std::string nearest(const CLI::App& command, const std::string& flag) {
  std::string best;
  std::size_t least = std::max<std::size_t>(2, flag.size() / 3) + 1;
  for (const CLI::Option* option : command.get_options())
    for (const std::string& name : option->get_lnames()) {
      const std::string known = "--" + name;
      // the beginning of one is near, too: --neg
      const bool begins = flag.size() > 4 && known.starts_with(flag);
      const std::size_t distance = begins ? 1 : edit_distance(flag, known);
      if (distance < least) {
        least = distance;
        best = known;
      }
    }
  return best;
}

}  // namespace

std::optional<std::string> unknown_flag(const CLI::App& command) {
  for (const std::string& argument : command.remaining()) {
    if (argument.size() < 2 || argument[0] != '-') continue;
    const std::string flag = argument.substr(0, argument.find('='));
    const std::string known = nearest(command, flag);
    return fmt::format("{}: unknown flag{}", flag,
                       known.empty() ? "" : fmt::format("; did you mean {}?", known));
  }
  return std::nullopt;
}

}  // namespace persense::cli
