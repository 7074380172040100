// persense/error.hpp: the one exception type, with a code that C and Python share.
#pragma once

#include <stdexcept>
#include <string>

namespace persense {

/// What went wrong, in the terms a caller can act on. The values are stable: the C ABI and the exit
/// codes of the program are made from them.
enum class ErrorCode : int {
  invalid_argument = 1,  ///< an argument, option or shape the caller can correct
  file_not_found = 2,    ///< a path that does not exist
  unreadable = 3,        ///< a file that exists but is truncated, of another type, or not permitted
  bad_model = 4,         ///< a model archive that does not fit its stage
  out_of_memory = 5,     ///< host or device memory ran out
  device_unavailable = 6,  ///< a device that this machine or build does not have
  cancelled = 7,           ///< the caller's stop token asked for it
  unwritable = 8,          ///< an output that could not be written (permission, full disk)
  internal = 9,            ///< a defect of this library
};

/// "InvalidArgument", "FileNotFound", ...: the code's name in C++ and Python.
constexpr const char* name_of(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "InvalidArgument";
    case ErrorCode::file_not_found:
      return "FileNotFound";
    case ErrorCode::unreadable:
      return "Unreadable";
    case ErrorCode::bad_model:
      return "BadModel";
    case ErrorCode::out_of_memory:
      return "OutOfMemory";
    case ErrorCode::device_unavailable:
      return "DeviceUnavailable";
    case ErrorCode::cancelled:
      return "Cancelled";
    case ErrorCode::unwritable:
      return "Unwritable";
    case ErrorCode::internal:
      return "Internal";
  }
  return "Internal";
}

/// Base of everything this library throws on purpose. `what()` is one line that names the culprit,
/// what was got and what was expected.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

/// An Error whose code is known from its type, so that callers can catch just that one.
template <ErrorCode Code>
class ErrorOf : public Error {
 public:
  explicit ErrorOf(const std::string& message) : Error(Code, message) {}
};

using InvalidArgument = ErrorOf<ErrorCode::invalid_argument>;
using FileNotFound = ErrorOf<ErrorCode::file_not_found>;
using Unreadable = ErrorOf<ErrorCode::unreadable>;
using BadModel = ErrorOf<ErrorCode::bad_model>;
using OutOfMemory = ErrorOf<ErrorCode::out_of_memory>;
using DeviceUnavailable = ErrorOf<ErrorCode::device_unavailable>;
using Cancelled = ErrorOf<ErrorCode::cancelled>;
using Unwritable = ErrorOf<ErrorCode::unwritable>;
using InternalError = ErrorOf<ErrorCode::internal>;

}  // namespace persense
