// persense/io/settings.hpp: options in a file, as `persense calibrate` writes them and every
// frontend reads them.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "persense/options.hpp"

namespace persense::io {

/// The version of settings files that this library writes, and the only one that it reads.
inline constexpr int settings_format = 1;

/// What a settings file says.
struct Settings {
  /// Keys and values as set_option takes them, in the order of the option table.
  std::vector<std::pair<std::string, std::string>> options;
  std::string stages;  ///< those that they were chosen for (Engine::stages); empty: it is not said
};

/// Reads {"format": 1, "options": {KEY: VALUE, ...}, "measured": {...}}. Values are numbers or,
/// where an option is one of several words, words. Of what was measured only "stages" is read.
/// @throws FileNotFound  no such file.
/// @throws Unreadable    not JSON, another format, a member that is none of these.
/// @throws InvalidArgument  an option that is none, or a value of another type or out of its range.
Settings read_settings(const std::filesystem::path& path);

/// Sets the options of a file. Over a preset, they belong where a user's settings do:
///
///     const auto settings = io::read_settings("settings.json");
///     const Engine engine(stages, stages.adapt(Options::paper(), [&](Options& options) {
///       io::apply(options, settings);
///     }));
void apply(Options& options, const Settings& settings);

/// The text of a settings file.
/// @param measured  JSON of an object: what was measured with these options. Empty: nothing was.
/// @throws InvalidArgument  as read_settings.
std::string to_settings(const std::vector<std::pair<std::string, std::string>>& options,
                        std::string_view measured = {});

}  // namespace persense::io
