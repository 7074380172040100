// persense/run_options.hpp: how one query is run, whatever the stages.
#pragma once

#include <functional>
#include <stop_token>

#include "persense/result.hpp"

namespace persense {

/// How one query is run.
struct RunOptions {
  bool trace = false;                      ///< keep every intermediate in Result::trace
  std::stop_token stop = {};               ///< checked before every step; Cancelled when requested
  std::function<void(Step)> on_step = {};  ///< called before every step, on the calling thread
};

}  // namespace persense
