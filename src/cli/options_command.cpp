#include "commands.hpp"
#include "console.hpp"
#include "option_flags.hpp"

namespace persense::cli {

namespace {
const char* const options_description =
    "List the options of the method with defaults, ranges and sources\n"
    "\n"
    "Examples:\n"
    "  # all of them\n"
    "  persense options\n"
    "\n"
    "  # what differs in the preset that follows the released code\n"
    "  persense options --preset reference\n";
}

void add_options(Command program, Task& task) {
  const Command command = program.add_subcommand("options", options_description);
  const auto flags = std::make_shared<OptionFlags>();
  add_option_flags(command, *flags);
  command.footer(exit_code_help);
  command.callback([flags, &task] {
    task = [flags] {
      print_out(options_table(options_from(*flags)));
      return Exit::ok;
    };
  });
}

}  // namespace persense::cli
