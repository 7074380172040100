// commands.hpp: the subcommands. Each adds itself to the program; its callback does the work and
// throws what it cannot handle.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "exit_code.hpp"

namespace persense::cli {

/// What main runs once the arguments are parsed.
using Task = std::function<Exit()>;

void add_segment(CLI::App& program, Task& task);
void add_annotate(CLI::App& program, Task& task);
void add_points(CLI::App& program, Task& task);
void add_eval(CLI::App& program, Task& task);
void add_experiment(CLI::App& program, Task& task);
void add_calibrate(CLI::App& program, Task& task);
void add_options(CLI::App& program, Task& task);
void add_info(CLI::App& program, Task& task);
void add_serve(CLI::App& program, Task& task);

}  // namespace persense::cli
