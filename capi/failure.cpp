#include "failure.hpp"

#include <cstring>
#include <mutex>
#include <new>

#include "persense/failure.hpp"

namespace persense::capi {

namespace {

// A code of the C++ library is a status of this ABI.
constexpr persense_status status_of(ErrorCode code) noexcept {
  return static_cast<persense_status>(code);
}
static_assert(status_of(ErrorCode::invalid_argument) == PERSENSE_INVALID_ARGUMENT);
static_assert(status_of(ErrorCode::file_not_found) == PERSENSE_FILE_NOT_FOUND);
static_assert(status_of(ErrorCode::unreadable) == PERSENSE_UNREADABLE);
static_assert(status_of(ErrorCode::bad_model) == PERSENSE_BAD_MODEL);
static_assert(status_of(ErrorCode::out_of_memory) == PERSENSE_OUT_OF_MEMORY);
static_assert(status_of(ErrorCode::device_unavailable) == PERSENSE_DEVICE_UNAVAILABLE);
static_assert(status_of(ErrorCode::cancelled) == PERSENSE_CANCELLED);
static_assert(status_of(ErrorCode::unwritable) == PERSENSE_UNWRITABLE);
static_assert(status_of(ErrorCode::internal) == PERSENSE_INTERNAL);

thread_local char last_error[1024] = "";  // fixed: reporting an error cannot itself fail

// Cuts what does not fit between two characters of UTF-8, and shows that it did.
void keep(const char* text) noexcept {
  constexpr std::size_t room = sizeof last_error - 1;
  constexpr char more[] = "...";
  std::size_t length = std::strlen(text);
  const bool cut = length > room;
  if (cut) {
    length = room - (sizeof more - 1);
    while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) --length;
  }
  std::memcpy(last_error, text, length);
  std::strcpy(last_error + length, cut ? more : "");
}

struct Log {
  std::mutex guard;
  persense_log_callback callback = nullptr;
  void* user = nullptr;
};

// Never destroyed: a thread may still have something to say while the process ends.
Log& the_log() noexcept {
  alignas(Log) static char memory[sizeof(Log)];
  static Log* const log = new (memory) Log;
  return *log;
}

std::pair<persense_log_callback, void*> listener() noexcept {
  Log& log = the_log();
  const std::scoped_lock lock(log.guard);
  return {log.callback, log.user};
}

}  // namespace

persense_status fail(const std::exception_ptr& error) noexcept {
  persense_status status = PERSENSE_OUT_OF_MEMORY;
  try {
    const Failure failure = describe(error);
    keep(failure.line.c_str());
    status = status_of(failure.code);
  } catch (...) {  // no memory to describe it
    keep("out of memory");
  }
  log(PERSENSE_LOG_ERROR, last_error);
  return status;
}

bool is_logging() noexcept { return listener().first != nullptr; }

void log(persense_log_level level, const char* text) noexcept {
  // called without the lock, so that a callback may call the library
  if (const auto [callback, user] = listener(); callback != nullptr) callback(level, text, user);
}

}  // namespace persense::capi

using namespace persense;

const char* persense_last_error(void) { return capi::last_error; }

const char* persense_status_name(persense_status status) {
  if (status == PERSENSE_OK) return "OK";
  const bool known = status > PERSENSE_OK && status <= PERSENSE_INTERNAL;
  return known ? name_of(static_cast<ErrorCode>(status)) : "unknown status";
}

void persense_set_log_callback(persense_log_callback callback, void* user) {
  capi::Log& log = capi::the_log();
  const std::scoped_lock lock(log.guard);
  log.callback = callback;
  log.user = user;
}
