// What an action throws, as text to compare.
#pragma once

#include <string>

namespace persense::testing {

/// The message of the Exception that `action` throws; a sentence when it throws nothing.
template <class Exception, class Action>
std::string message_of(Action&& action) {
  try {
    action();
  } catch (const Exception& error) {
    return error.what();
  }
  return "no exception of the expected type";
}

}  // namespace persense::testing
