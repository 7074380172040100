// own_process.hpp: work in a process of its own, so that its peak memory is its own as well.
#pragma once

#include <functional>
#include <string>

#include "exit_code.hpp"

namespace persense::cli {

/// Forks, runs `body` in the child, and waits for it. What it throws is printed there and becomes
/// its exit code. SIGINT and SIGTERM to this process reach the child, which may take them by an
/// Interrupt; should this process be killed, the child is terminated.
/// @param name  of the work, for messages.
/// @return  the child's exit code; interrupted, too, where a signal came before it began.
/// @pre     This process has one thread.
/// @throws InternalError  no process could be made, or a signal ended it (SIGKILL, say, where
/// memory
///   ran out).
Exit in_own_process(const std::string& name, const std::function<Exit()>& body);

/// Most memory that this process ever had, megabytes.
double peak_memory_mb();

}  // namespace persense::cli
