// persense/failure.hpp: what any exception means, in one place for every frontend of the library.
#pragma once

#include <algorithm>
#include <exception>
#include <new>
#include <opencv2/core.hpp>
#include <string>

#include "persense/error.hpp"

namespace persense {

/// Text made fit for one line: line breaks and other control characters become spaces.
inline std::string one_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return text;
}

/// An exception in the terms of this library.
struct Failure {
  ErrorCode code = ErrorCode::internal;
  std::string line;  ///< one line
};

/// Describes any exception: an Error keeps its code, and what others throw is out of memory or
/// internal.
/// @throws std::bad_alloc  no memory for the line; never for an exception that is out of memory.
inline Failure describe(const std::exception_ptr& error) {
  // short enough for a string without an allocation
  const auto no_memory = [] { return Failure{ErrorCode::out_of_memory, "out of memory"}; };
  try {
    std::rethrow_exception(error);
  } catch (const Error& e) {
    return {e.code(), one_line(e.what())};
  } catch (const std::bad_alloc&) {
    return no_memory();
  } catch (const cv::Exception& e) {
    if (e.code == cv::Error::StsNoMem) return no_memory();
    return {ErrorCode::internal, one_line("OpenCV: " + e.err + " in " + e.func)};
  } catch (const std::exception& e) {
    return {ErrorCode::internal, one_line(e.what())};
  } catch (...) {
    return {ErrorCode::internal, "unknown exception"};
  }
}

}  // namespace persense
