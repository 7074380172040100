#include "exit_code.hpp"

#include <utility>

namespace persense::cli {

const char* const exit_code_help =
    "Exit codes:\n"
    "  0    everything was done\n"
    "  1    some images failed and were skipped (one line each on standard error), the others are\n"
    "       done; when no image could be done, the code of the first failure\n"
    "  2    a bad argument, option or image size; nothing was done\n"
    "  3    an input was not found or could not be read, or a label endpoint gave no answer\n"
    "  4    an output could not be written (permission, full disk)\n"
    "  5    out of memory\n"
    "  6    an internal error: please report it\n"
    "  130  interrupted (Ctrl-C); what is done is complete\n";

namespace {

Exit exit_for(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
    case ErrorCode::device_unavailable:
      return Exit::bad_arguments;
    case ErrorCode::file_not_found:
    case ErrorCode::unreadable:
    case ErrorCode::bad_model:
      return Exit::bad_input;
    case ErrorCode::unwritable:
      return Exit::unwritable;
    case ErrorCode::out_of_memory:
      return Exit::out_of_memory;
    case ErrorCode::cancelled:
      return Exit::interrupted;
    case ErrorCode::internal:
      return Exit::internal;
  }
  return Exit::internal;
}

}  // namespace

Failure describe(const std::exception_ptr& error) noexcept {
  auto [code, line] = persense::describe(error);
  return {exit_for(code), std::move(line)};
}

}  // namespace persense::cli
