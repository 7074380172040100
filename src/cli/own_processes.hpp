// own_processes.hpp: work in processes of its own, so that its peak memory is its own as well.
#pragma once

#include <csignal>
#include <functional>
#include <string>

#include "exit_code.hpp"

namespace persense::cli {

/// Runs work in child processes, one after the other. While it lives, SIGINT and SIGTERM reach the
/// child, which may take them by an Interrupt, instead of ending this process. Should this process
/// be killed, the child is terminated. One at a time, in a process of one thread.
class OwnProcesses {
 public:
  OwnProcesses();
  ~OwnProcesses();
  OwnProcesses(const OwnProcesses&) = delete;
  OwnProcesses& operator=(const OwnProcesses&) = delete;

  /// Forks, runs `body` in the child, and waits for it. What it throws is printed there and becomes
  /// its exit code.
  /// @param name  of the work, for messages.
  /// @return  the child's exit code; interrupted, too, after a signal that it did not take.
  /// @throws InternalError  no process could be made, or a signal ended it (SIGKILL, say, where
  ///   memory ran out).
  Exit run(const std::string& name, const std::function<Exit()>& body);

 private:
  void restore() const;
  struct sigaction before_[2] = {};
};

/// Most memory that this process ever had, megabytes.
double peak_memory_mb();

}  // namespace persense::cli
