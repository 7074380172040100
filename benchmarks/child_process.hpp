// benchmarks/child_process.hpp: another program, spoken to through its standard input and output.
#pragma once

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace persense::benchmarks {

/// A running program. Its standard error is ours.
class ChildProcess {
 public:
  /// @param command  program (looked up in PATH) and arguments.
  /// @throws std::system_error  no pipe or no process could be made.
  explicit ChildProcess(const std::vector<std::string>& command) {
    int to_child[2], from_child[2];
    if (pipe(to_child) != 0 || pipe(from_child) != 0)
      throw std::system_error(errno, std::generic_category(), "pipe");
    process_ = fork();
    if (process_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (process_ == 0) {
      dup2(to_child[0], STDIN_FILENO);
      dup2(from_child[1], STDOUT_FILENO);
      for (const int end : {to_child[0], to_child[1], from_child[0], from_child[1]}) close(end);
      std::vector<char*> arguments;
      for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
      arguments.push_back(nullptr);
      execvp(arguments[0], arguments.data());
      std::perror(arguments[0]);
      _exit(127);
    }
    close(to_child[0]);
    close(from_child[1]);
    in_.reset(fdopen(to_child[1], "w"));
    out_.reset(fdopen(from_child[0], "r"));
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess() {
    if (process_ > 0) wait();
  }

  /// Sends one line and reads the one that answers it.
  /// @throws std::runtime_error  the program is gone.
  std::string ask(const std::string& line) {
    std::fputs((line + '\n').c_str(), in_.get());
    std::fflush(in_.get());
    return read_line();
  }

  /// Closes the program's input, reads the rest of its output and waits for its end.
  /// @param usage  receives what it used, where given. ru_maxrss counts what this process held when
  ///   it started the other one, so start one to be measured from a small process.
  /// @return its exit code; 128 + signal when a signal ended it.
  int wait(rusage* usage = nullptr) {
    in_.reset();
    while (std::fgetc(out_.get()) != EOF) {
    }
    int status = 0;
    wait4(process_, &status, 0, usage);
    process_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  struct Free {
    void operator()(char* text) const { std::free(text); }
  };

  std::string read_line() {
    char* text = nullptr;
    std::size_t capacity = 0;
    const ssize_t length = getline(&text, &capacity, out_.get());
    const std::unique_ptr<char, Free> owner(text);
    if (length <= 0) throw std::runtime_error("the other program ended without an answer");
    return std::string(text, static_cast<std::size_t>(length) - 1);
  }

  pid_t process_ = 0;
  std::unique_ptr<std::FILE, Close> in_, out_;
};

}  // namespace persense::benchmarks
