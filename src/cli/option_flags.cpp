#include "option_flags.hpp"

#include <fmt/format.h>

#include <charconv>
#include <sstream>
#include <type_traits>

#include "console.hpp"
#include "persense/io/settings.hpp"
#include "persense/option_table.hpp"

namespace persense::cli {

void add_option_flags(Command command, OptionFlags& flags) {
  command
      .add_option("--preset", flags.preset,
                  "paper (as published), plus_plus (PerSense++) or reference (the released code)")
      .type_name("NAME")
      .capture_default_str();
  command
      .add_option(
          "--method", flags.method,
          "persense (default), plus_plus (that preset of it), or one to compare it with: "
          "grounded_sam (a mask for each of the detector's boxes), persam, persam_f, matcher, "
          "everything or otsu (see `persense options`)")
      .type_name("NAME");
  add_setting_flags(command, flags);
}

void add_setting_flags(Command command, OptionFlags& flags) {
  command
      .add_option("--tile", flags.tile,
                  "side of the tiles in which networks of one input size see a larger image: auto "
                  "(as the support object's size asks for), a number of pixels, or off (default)")
      .type_name("auto|N|off");
  command.add_option("--set", flags.settings, "one option of `persense options`; repeat for more")
      .type_name("KEY=VALUE")
      .allow_extra_args(false);
  command
      .add_option("--settings", flags.settings_file,
                  "options in a file that `persense calibrate` wrote; --set, --method and --tile "
                  "win over it")
      .type_name("FILE")
      .not_empty();
}

namespace {

constexpr std::string_view plus_plus = "plus_plus";  // a preset that --method names, too

/// @throws InvalidArgument  neither auto nor off nor a side.
void apply_tile(Options& options, const std::string& tile) {
  constexpr int automatic = -1, off = 0;
  if (tile == "auto" || tile == "off") {
    options.tiles.size = tile == "auto" ? automatic : off;
    return;
  }
  int side = 0;
  const auto read = std::from_chars(tile.data(), tile.data() + tile.size(), side);
  if (read.ec != std::errc() || read.ptr != tile.data() + tile.size() || side < 1)
    throw InvalidArgument(fmt::format(
        "--tile: got \"{}\", expected auto, off or the side of a tile in pixels", tile));
  set_option(options, "tiles.size", tile);
}

}  // namespace

Options preset_of(const OptionFlags& flags) {
  if (flags.method != plus_plus) return Options::preset(flags.preset);
  if (flags.preset != "paper" && flags.preset != plus_plus)
    throw InvalidArgument(
        fmt::format("--method plus_plus: is a preset, got --preset {}, too; expected one of them",
                    flags.preset));
  return Options::plus_plus();
}

void apply_settings(Options& options, const OptionFlags& flags) {
  if (!flags.settings_file.empty()) io::apply(options, io::read_settings(flags.settings_file));
  if (!flags.method.empty() && flags.method != plus_plus)
    set_option(options, "method", flags.method);
  if (flags.tile) apply_tile(options, *flags.tile);
  for (const std::string& setting : flags.settings) apply_setting(options, setting, "--set");
}

Options options_from(const OptionFlags& flags, const Stages& stages) {
  return stages.adapt(preset_of(flags),
                      [&flags](Options& options) { apply_settings(options, flags); });
}

void note_other_stages(const OptionFlags& flags, const Engine& engine) {
  if (flags.settings_file.empty()) return;
  const std::string of_file = io::read_settings(flags.settings_file).stages;
  if (!of_file.empty() && of_file != engine.stages())
    print_note(fmt::format("{}: was made for other stages ({}), these are {}",
                           flags.settings_file.string(), of_file, engine.stages()));
}

namespace {

// Breaks text into indented lines.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t columns) {
  std::istringstream words{std::string(text)};
  std::string lines, line;
  for (std::string word; words >> word;) {
    if (!line.empty() && indent + line.size() + 1 + word.size() > columns) {
      lines += std::string(indent, ' ') + line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  return lines + std::string(indent, ' ') + line + "\n";
}

}  // namespace

std::string options_table(const Options& options) {
  std::string table = fmt::format("{:<30}{:<14}{}\n", "KEY", "VALUE", "MAY BE");
  for_each_option(options, [&](std::string_view key, const auto& field, double lowest,
                               double highest, std::string_view help) {
    using Field = std::remove_cvref_t<decltype(field)>;
    table += fmt::format("{:<30}{:<14}{}\n", key, option_text(field),
                         range_text<Field>(lowest, highest));
    table += wrapped(help, 4, 90);
  });
  return table;
}

}  // namespace persense::cli
