// option_flags.hpp: --preset, --method and --set, shared by the subcommands, and the table of
// options.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "command.hpp"
#include "persense/engine.hpp"
#include "persense/options.hpp"

namespace persense::cli {

struct OptionFlags {
  std::string preset = "paper";
  std::string method;               ///< empty: the preset's; "plus_plus": that preset
  std::optional<std::string> tile;  ///< "auto", "off" or a number; none: the preset's
  std::filesystem::path settings_file;
  std::vector<std::string> settings;  ///< "key=value"
};

/// Adds --preset, --method and --set to a subcommand; `flags` must outlive the parse.
void add_option_flags(Command command, OptionFlags& flags);

/// Adds --tile, --set and --settings alone.
void add_setting_flags(Command command, OptionFlags& flags);

/// The preset that --preset, or --method plus_plus, names.
/// @throws InvalidArgument  unknown preset, or two of them.
Options preset_of(const OptionFlags& flags);

/// Sets the options of the settings file, the method and the settings, in their order.
/// @throws as options_from.
void apply_settings(Options& options, const OptionFlags& flags);

/// The preset, adapted to the stages, with the settings applied in their order.
/// @throws InvalidArgument  unknown preset, a setting without "=", unknown key, bad value.
/// @throws FileNotFound, Unreadable  the settings file.
Options options_from(const OptionFlags& flags, const Stages& stages = {});

/// Says on standard error where a settings file was made for other stages than an engine's.
void note_other_stages(const OptionFlags& flags, const Engine& engine);

/// For every option: key, its value in `options`, the values it may have, and what it means.
std::string options_table(const Options& options);

}  // namespace persense::cli
