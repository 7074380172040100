// failure.hpp: the border that no exception crosses, the last error, and the log.
#pragma once

#include <exception>
#include <string>
#include <utility>

#include "persense.h"
#include "persense/error.hpp"

namespace persense::capi {

/// Keeps what the exception says as this thread's last error and logs it. Allocates where memory is
/// left, and does without where it is not.
persense_status fail(const std::exception_ptr& error) noexcept;

/// Runs the body of a function of the ABI.
template <class Body>
persense_status guard(Body&& body) noexcept {
  try {
    std::forward<Body>(body)();
    return PERSENSE_OK;
  } catch (...) {
    return fail(std::current_exception());
  }
}

/// The same for a getter: what the body returns, or a zero.
template <class Body>
auto guard_getter(Body&& body) noexcept -> decltype(body()) {
  decltype(body()) value{};
  guard([&] { value = std::forward<Body>(body)(); });
  return value;
}

/// @throws InvalidArgument  NULL, naming the argument.
inline void require(const void* pointer, const char* name) {
  if (pointer == nullptr)
    throw InvalidArgument(std::string(name) + ": got NULL, expected a pointer");
}

/// What a pointer points to. @throws InvalidArgument  NULL, naming the argument.
template <class T>
T& required(T* pointer, const char* name) {
  require(pointer, name);
  return *pointer;
}

/// An out parameter, emptied, so that nothing stale is read after a failure.
template <class T>
T& emptied(T* out, const char* name) {
  required(out, name) = T{};
  return *out;
}

/// Whether anybody listens to the log: what nobody reads need not be written.
bool is_logging() noexcept;

/// Hands a line to the log callback, if there is one.
void log(persense_log_level level, const char* text) noexcept;

}  // namespace persense::capi
