// persense/progress.hpp: what a stage says while it works for long.
#pragma once

#include <fmt/core.h>

#include <cstddef>

#include "persense/error.hpp"
#include "persense/run_options.hpp"

namespace persense {

namespace detail {

/// The step that a thread is in the middle of, and which part of it.
struct RunningStep {
  const RunOptions* run = nullptr;
  Step step = Step::encode;
  double from = 0, to = 1;
};
inline thread_local const RunningStep* running_step = nullptr;

/// Says, while it lives, which step this thread is in.
class StepScope {
 public:
  explicit StepScope(const RunningStep* step) : outer_(running_step) { running_step = step; }
  ~StepScope() { running_step = outer_; }
  StepScope(const StepScope&) = delete;
  StepScope& operator=(const StepScope&) = delete;

 private:
  const RunningStep* outer_;
};

/// What is reported while it lives is about part `index` of `count` of the step.
class StepPart {
 public:
  StepPart(std::size_t index, std::size_t count)
      : part_(running_step == nullptr ? RunningStep{} : *running_step),
        scope_(running_step == nullptr ? nullptr : &part_) {
    const double begin = part_.from, length = part_.to - part_.from;
    const auto n = static_cast<double>(count);
    part_.from = begin + length * static_cast<double>(index) / n;
    part_.to = begin + length * static_cast<double>(index + 1) / n;
  }

 private:
  RunningStep part_;
  StepScope scope_;
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
  if (now->run->on_progress)
    now->run->on_progress(now->step, now->from + part * (now->to - now->from));
}

}  // namespace persense
