// segment_flags.hpp: which images are searched for what, and how, shared by the commands that
// segment.
#pragma once

#include "command.hpp"
#include "segment.hpp"

namespace persense::cli {

/// Adds QUERY, -o, the marks and all that decides what is found to a subcommand, but not which
/// files are written; `request` must outlive the parse.
/// @return  QUERY, which is not required.
Flag add_segment_flags(Command command, SegmentRequest& request);

/// How objects are marked, for help texts.
extern const char* const marking_help;

}  // namespace persense::cli
