#include "interrupt.hpp"

#include <pthread.h>
#include <unistd.h>

#include "exit_code.hpp"

namespace persense::cli {

namespace {

// A signal the parent chose to ignore (nohup, a script's background job) stays ignored.
sigset_t stopping_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM}) {
    struct sigaction current {};
    sigaction(signal, nullptr, &current);
    if (current.sa_handler != SIG_IGN) sigaddset(&signals, signal);
  }
  sigaddset(&signals, SIGUSR2);  // how the destructor wakes the watcher
  return signals;
}

}  // namespace

Interrupt::Interrupt() {
  const sigset_t signals = stopping_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  watcher_ = std::thread([this, signals] { watch(signals); });
}

Interrupt::~Interrupt() {
  closing_ = true;
  pthread_kill(watcher_.native_handle(), SIGUSR2);
  watcher_.join();
}

void Interrupt::watch(sigset_t signals) {
  for (;;) {
    int signal = 0;
    sigwait(&signals, &signal);
    if (closing_) return;
    if (signal == SIGUSR2) continue;
    if (source_.stop_requested()) _exit(static_cast<int>(Exit::interrupted));
    source_.request_stop();
  }
}

}  // namespace persense::cli
