// run_facts.hpp: how an evaluation was made, for its page.
#pragma once

#include "evaluation.hpp"
#include "persense/eval/html_report.hpp"

namespace persense::cli {

/// Data set, stages, and every option that differs from the preset.
eval::ReportedRun run_facts(const EvalRequest& request, const eval::Dataset& dataset,
                            const Engine& engine);

}  // namespace persense::cli
