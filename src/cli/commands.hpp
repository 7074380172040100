// commands.hpp: the subcommands. Each adds itself to the program; its callback does the work and
// throws what it cannot handle.
#pragma once

#include <functional>

#include "command.hpp"
#include "exit_code.hpp"

namespace persense::cli {

/// What main runs once the arguments are parsed.
using Task = std::function<Exit()>;

void add_segment(Command program, Task& task);
void add_annotate(Command program, Task& task);
void add_points(Command program, Task& task);
void add_eval(Command program, Task& task);
void add_experiment(Command program, Task& task);
void add_calibrate(Command program, Task& task);
void add_options(Command program, Task& task);
void add_info(Command program, Task& task);
void add_serve(Command program, Task& task);

}  // namespace persense::cli
