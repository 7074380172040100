// persense/progress.hpp: what a stage says while it works for long.
#pragma once

#include <fmt/core.h>

#include "persense/error.hpp"
#include "persense/run_options.hpp"

namespace persense {

namespace detail {

/// The step that a thread is in the middle of.
struct RunningStep {
  const RunOptions* run;
  Step step;
};
inline thread_local const RunningStep* running_step = nullptr;

/// Says, while it lives, which step this thread is in.
class StepScope {
 public:
  explicit StepScope(const RunningStep& step) : outer_(running_step) { running_step = &step; }
  ~StepScope() { running_step = outer_; }
  StepScope(const StepScope&) = delete;
  StepScope& operator=(const StepScope&) = delete;

 private:
  const RunningStep* outer_;
};

}  // namespace detail

/// For stages: says how much of the current step is done, 0 to 1, and ends the step where the run
/// was cancelled. Does nothing outside of a run, so a stage calls it wherever it works for long, on
/// the thread that it was called on.
/// @throws Cancelled.
inline void report_progress(double part) {
  const detail::RunningStep* const now = detail::running_step;
  if (now == nullptr) return;
  if (now->run->stop.stop_requested())
    throw Cancelled(fmt::format("cancelled during {}", name_of(now->step)));
  if (now->run->on_progress) now->run->on_progress(now->step, part);
}

}  // namespace persense
