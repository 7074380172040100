// interrupt.hpp: Ctrl-C as a stop token.
#pragma once

#include <atomic>
#include <csignal>
#include <stop_token>
#include <thread>

namespace persense::cli {

/// While it lives, SIGINT and SIGTERM request a stop instead of ending the program; a second one
/// ends it at once (every file is written under a temporary name, so that is safe too).
/// Create it before any other thread: they inherit the blocked signals.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  std::stop_token token() const { return source_.get_token(); }

 private:
  void watch(sigset_t signals);

  std::stop_source source_;
  std::atomic<bool> closing_{false};
  std::thread watcher_;
};

}  // namespace persense::cli
