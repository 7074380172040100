#include "option_flags.hpp"

#include <fmt/format.h>

#include <type_traits>

namespace persense::cli {

void add_option_flags(CLI::App& command, OptionFlags& flags) {
  command
      .add_option("--preset", flags.preset,
                  "paper: the method as published; reference: the released code, to the bit; "
                  "plus_plus: PerSense++")
      ->type_name("NAME")
      ->capture_default_str();
  command
      .add_option(
          "--set", flags.settings,
          "one option on top of the preset; repeat for more (`persense options` lists them)")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

Options options_from(const OptionFlags& flags) {
  Options options = Options::preset(flags.preset);
  for (const std::string& setting : flags.settings) {
    const auto equals = setting.find('=');
    if (equals == std::string::npos)
      throw InvalidArgument(
          fmt::format("--set: got \"{}\", expected KEY=VALUE as in idm.threshold=25", setting));
    set_option(options, setting.substr(0, equals), setting.substr(equals + 1));
  }
  return options;
}

namespace {

template <class Field>
std::string range_text(double lowest, double highest) {
  if constexpr (std::is_enum_v<Field>)
    return fmt::format("{}", fmt::join(detail::EnumNames<Field>::names, "|"));
  else
    return fmt::format("{:g} to {:g}", lowest, highest);
}

}  // namespace

std::string options_table(const Options& options) {
  std::string table = fmt::format("{:<30}{:<12}{:<26}{}\n", "KEY", "VALUE", "MAY BE", "MEANING");
  for_each_option(options, [&](std::string_view key, const auto& field, double lowest,
                               double highest, std::string_view help) {
    using Field = std::remove_cvref_t<decltype(field)>;
    table += fmt::format("{:<30}{:<12}{:<26}{}\n", key, option_text(field),
                         range_text<Field>(lowest, highest), help);
  });
  return table;
}

}  // namespace persense::cli
