#include "interrupt.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "exit_code.hpp"
#include "persense/error.hpp"

namespace persense::cli {

namespace {

constexpr int signals[] = {SIGINT, SIGTERM};
constexpr char stopped = 's', closing = 'c';

// A handler may do next to nothing; writing a byte is allowed, requesting a stop is not. So a
// thread at the other end of a pipe does that.
std::atomic<int> pipe_end{-1};
static_assert(std::atomic<int>::is_always_lock_free);

void on_signal(int) {
  const int error = errno;
  (void)!::write(pipe_end, &stopped, 1);
  errno = error;
}

}  // namespace

Interrupt::Interrupt() {
  if (::pipe(pipe_) != 0) throw InternalError(fmt::format("pipe: {}", std::strerror(errno)));
  pipe_end = pipe_[1];
  watcher_ = std::thread([this] { watch(); });
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  for (int i = 0; i < 2; ++i) {
    sigaction(signals[i], nullptr, &before_[i]);
    // what the parent chose to ignore (nohup, a script's background job) stays ignored
    if (before_[i].sa_handler != SIG_IGN) sigaction(signals[i], &action, nullptr);
  }
}

Interrupt::~Interrupt() {
  for (int i = 0; i < 2; ++i) sigaction(signals[i], &before_[i], nullptr);
  (void)!::write(pipe_[1], &closing, 1);
  watcher_.join();
  pipe_end = -1;
  for (const int end : pipe_) ::close(end);
}

void Interrupt::watch() {
  for (char byte = 0;;) {
    const auto got = ::read(pipe_[0], &byte, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got != 1 || byte == closing) return;
    if (source_.stop_requested()) _exit(static_cast<int>(Exit::interrupted));
    source_.request_stop();
  }
}

}  // namespace persense::cli
