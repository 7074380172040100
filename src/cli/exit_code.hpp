// exit_code.hpp: how the program ends, and the one place where errors become exit codes.
#pragma once

#include <exception>
#include <string>

#include "persense/failure.hpp"

namespace persense::cli {

/// Exit codes. `exit_code_help` documents them; scripts rely on the values.
enum class Exit : int {
  ok = 0,
  some_failed = 1,
  bad_arguments = 2,
  bad_input = 3,
  unwritable = 4,
  out_of_memory = 5,
  internal = 6,
  interrupted = 130,
};

/// The exit codes as every help text shows them.
extern const char* const exit_code_help;

/// What an exception means for the program.
struct Failure {
  Exit exit = Exit::internal;
  std::string line;  ///< one line, without "persense: error: "
};

/// Describes any exception. Never throws but std::bad_alloc's successors.
Failure describe(const std::exception_ptr& error) noexcept;

}  // namespace persense::cli
