// mark_flags.hpp: how the command line marks the objects that are looked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "command.hpp"

namespace persense::cli {

/// One mark, as it was given.
struct MarkFlag {
  enum class Kind { mask, box, point, polygon };
  Kind kind = Kind::mask;
  bool negative = false;
  std::string name;                          ///< "--negative-box"
  std::string text;                          ///< what followed it
  std::optional<std::int32_t> label_id;      ///< of a mask that is a label image
  std::optional<std::size_t> support;        ///< the last --support before it
  std::optional<std::size_t> of_class = {};  ///< the last --class before it
};

/// All marks, in their order on the command line.
struct MarkFlags {
  std::vector<std::filesystem::path> supports;  ///< --support
  std::vector<std::string> classes;             ///< --class, each once
  std::vector<MarkFlag> marks;
  std::vector<std::filesystem::path> prompts;  ///< --prompts

  // while the arguments are parsed
  std::optional<std::size_t> current_class = {};
  std::string misuse;  ///< the first thing that cannot be; empty: none
};

/// Adds --support, --mask and the others to a subcommand; `flags` must outlive the parse.
void add_mark_flags(Command command, MarkFlags& flags);

/// "1,2.5,3" as numbers; nothing where it is something else.
std::optional<std::vector<float>> numbers_in(const std::string& text);

}  // namespace persense::cli
