// interrupt.hpp: Ctrl-C as a stop token.
#pragma once

#include <csignal>
#include <stop_token>
#include <thread>

namespace persense::cli {

/// While it lives, SIGINT and SIGTERM request a stop instead of ending the program; a second one
/// ends it at once (every file is written under a temporary name, so that is safe too). One at a
/// time.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  std::stop_token token() const { return source_.get_token(); }

 private:
  void watch();

  int pipe_[2] = {-1, -1};
  struct sigaction before_[2] = {};
  std::stop_source source_;
  std::thread watcher_;
};

}  // namespace persense::cli
