// libtorch_errors.hpp (private): LibTorch's exceptions as ours, its screens of text as one line.
#pragma once

#include <c10/util/Exception.h>
#include <torch/version.h>

#include <new>
#include <string>
#include <string_view>

#include "persense/error.hpp"

namespace persense::torchscript {

/// The line of a message that says what went wrong: without the interpreter's traceback, source
/// excerpts, backtraces and places in LibTorch's own code. At most 300 bytes.
std::string useful_line(std::string_view message);

/// Whether a message is that of an allocation which failed, on the host or on a device.
bool is_out_of_memory(std::string_view message);

/// Keeps LibTorch's warnings from standard error while it lives, on this thread.
class Quiet {
 private:
  struct Silent final : c10::WarningHandler {
#if TORCH_VERSION_MAJOR < 2
    void process(const c10::SourceLocation&, const std::string&, bool) override {}
  };
  using Guard = c10::Warning::WarningHandlerGuard;
#else
    void process(const c10::Warning&) override {}
  };
  using Guard = c10::WarningUtils::WarningHandlerGuard;
#endif
  Silent silent_;
  Guard guard_{&silent_};
};

/// Calls `body`, without warnings on standard error. Errors of persense pass through.
/// @throws OutOfMemory  memory of the host or of `device` ran out.
/// @throws BadModel     anything else: "<name>: <doing>: <the useful line>".
template <class Body>
auto translate(const std::string& name, const std::string& device, const std::string& doing,
               Body&& body) {
  const auto no_memory = [&](const std::string& detail) {
    return OutOfMemory(name + ": out of memory on " + device + detail);
  };
  const Quiet quiet;
  try {
    return body();
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw no_memory("");
  } catch (const std::exception& e) {
    if (is_out_of_memory(e.what())) throw no_memory(": " + useful_line(e.what()));
    throw BadModel(name + ": " + doing + ": " + useful_line(e.what()));
  }
}

}  // namespace persense::torchscript
