// SPDX-License-Identifier: MIT
// What a run of a search or a sweep showed.
#pragma once

#include "client/capacity/sweep.hpp"
#include "client/result/run_result.hpp"
#include "client/result/verdict.hpp"

namespace echoload {

/// Whether the rate of the run held. Where it did not and the client was the bottleneck, or nothing
/// was measured, that says nothing of the server.
[[nodiscard]] StepFinding step_finding(const Verdict& verdict, const RunResult& result);

/// The figures of the run with those options.
[[nodiscard]] StepFigures step_figures(const Options& options, const RunResult& result);

} // namespace echoload
