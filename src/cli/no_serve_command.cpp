// What `persense serve` answers in a build without cpp-httplib.
#include "commands.hpp"
#include "persense/error.hpp"

namespace persense::cli {

void add_serve(Command program, Task& task) {
  const Command command = program.add_subcommand(
      "serve", "Mark objects and find all like them, on a page in the browser (not in this build)");
  command.allow_extras();
  command.callback([&task] {
    task = []() -> Exit {
      throw InvalidArgument("serve: this build has no page, as it was made without cpp-httplib");
    };
  });
}

}  // namespace persense::cli
