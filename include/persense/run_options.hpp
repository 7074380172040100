// persense/run_options.hpp: how one query is run, whatever the stages.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>

#include "persense/image.hpp"
#include "persense/options.hpp"
#include "persense/result.hpp"

namespace persense {

/// How one query is run.
struct RunOptions {
  bool trace = false;                      ///< keep every intermediate in ClassResult::trace
  std::stop_token stop = {};               ///< checked before every step; Cancelled when requested
  std::function<void(Step)> on_step = {};  ///< called before every step, on the calling thread
  /// Which instances are reported; unset: as the pipeline's options say.
  std::optional<FilterOptions> filter = {};
  /// Of the image's size, non-zero where instances are wanted: those with more than half of their
  /// pixels in it. Empty: everywhere.
  MaskView region = {};
  /// Called within long steps, on the calling thread: how much of the step is done, 0 to 1. Stages
  /// report what they can; many report nothing.
  std::function<void(Step, double)> on_progress = {};
};

}  // namespace persense
