// log_notes.hpp: what a user should know, in the log.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "failure.hpp"
#include "persense/failure.hpp"

namespace persense::capi {

/// Hands notes to the log as warnings.
/// @param told  notes that were logged before and are left out, behind a class's label too.
inline void log_notes(const std::vector<std::string>& notes,
                      std::span<const std::string> told = {}) {
  for (const std::string& note : notes)
    if (std::none_of(told.begin(), told.end(),
                     [&](const std::string& known) { return note.ends_with(known); }))
      log(PERSENSE_LOG_WARNING, one_line(note).c_str());
}

}  // namespace persense::capi
