// SPDX-License-Identifier: MIT
// One run of a load, without the files of its result.
#pragma once

#include "client/load/target.hpp"
#include "client/options/options.hpp"
#include "client/probe/probe.hpp"
#include "client/report/interruptions.hpp"
#include "client/report/watch.hpp"
#include "client/result/run_result.hpp"

#include <optional>
#include <string>
#include <vector>

namespace echoload {

/// What a run may have besides its options.
struct RunContext {
    std::optional<WallTime> start = std::nullopt; ///< nothing is sent before that time
    Probe* probe = nullptr;                       ///< also reports the progress
};

/// Resolves the targets of several runs, so that all go to the same addresses. Throws BadTarget,
/// NotPossible and, where a signal came, Interrupted.
[[nodiscard]] std::vector<Target> resolve_once(const std::vector<std::string>& targets,
                                               Interruptions& interruptions);

/// Checks that the machine can hold the load, and runs it; `watch` reports the progress, and both
/// processes are sampled. Throws NotPossible where the machine cannot, and std::system_error.
[[nodiscard]] RunResult run_load(const Options& options, std::vector<Target> targets, Watch& watch,
                                 const RunContext& context = {});

} // namespace echoload
