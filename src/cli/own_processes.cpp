#include "own_processes.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <cerrno>
#include <csignal>
#include <cstring>

#include "console.hpp"
#include "persense/error.hpp"

namespace persense::cli {

namespace {

constexpr int passed_on[] = {SIGINT, SIGTERM};

volatile std::sig_atomic_t child = 0, signalled = 0;

// A terminal's Ctrl-C reaches the child by itself; what `kill` sends does not.
void on_signal(int number, siginfo_t* info, void*) {
  signalled = 1;
  if (child > 0 && info->si_code <= 0) ::kill(static_cast<pid_t>(child), number);
}

Exit exit_of(const std::function<Exit()>& body) {
  try {
    return body();
  } catch (...) {
    const Failure failure = describe(std::current_exception());
    print_error(failure.line);
    return failure.exit;
  }
}

/// Ends with the child.
[[noreturn]] void be_child(pid_t parent, const std::function<Exit()>& body) {
#ifdef __linux__
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
#endif
  // a parent that was killed before that line has sent nothing
  const Exit exit = ::getppid() == parent ? exit_of(body) : Exit::interrupted;
  std::fflush(nullptr);
  ::_exit(static_cast<int>(exit));
}

}  // namespace

OwnProcesses::OwnProcesses() {
  signalled = 0;
  child = 0;
  struct sigaction action {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_RESTART | SA_SIGINFO;
  for (int i = 0; i < 2; ++i) {
    sigaction(passed_on[i], nullptr, &before_[i]);
    // what the parent chose to ignore (nohup, a script's background job) stays ignored
    if (before_[i].sa_handler != SIG_IGN) sigaction(passed_on[i], &action, nullptr);
  }
}

OwnProcesses::~OwnProcesses() { restore(); }

void OwnProcesses::restore() const {
  for (int i = 0; i < 2; ++i) sigaction(passed_on[i], &before_[i], nullptr);
}

Exit OwnProcesses::run(const std::string& name, const std::function<Exit()>& body) {
  std::fflush(nullptr);  // else the child has it to print, too
  // no signal between the fork and knowing whom to pass it on to
  sigset_t both, mask;
  sigemptyset(&both);
  for (const int number : passed_on) sigaddset(&both, number);
  sigprocmask(SIG_BLOCK, &both, &mask);
  const auto unblock = [&] { sigprocmask(SIG_SETMASK, &mask, nullptr); };
  if (signalled != 0) {
    unblock();
    return Exit::interrupted;
  }
  const pid_t parent = ::getpid();
  const pid_t process = ::fork();
  if (process == 0) {
    restore();
    unblock();
    be_child(parent, body);
  }
  child = process;
  unblock();
  if (process < 0) throw InternalError(fmt::format("fork: {}", std::strerror(errno)));
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  child = 0;
  if (WIFEXITED(status)) return static_cast<Exit>(WEXITSTATUS(status));
  if (signalled != 0) return Exit::interrupted;
  throw InternalError(fmt::format("{}: its process was ended by signal {} ({})", name,
                                  WTERMSIG(status), strsignal(WTERMSIG(status))));
}

double peak_memory_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
#ifdef __APPLE__
  constexpr double per_mb = 1 << 20;  // bytes
#else
  constexpr double per_mb = 1 << 10;  // kilobytes
#endif
  return static_cast<double>(usage.ru_maxrss) / per_mb;
}

}  // namespace persense::cli
