// SPDX-License-Identifier: MIT
// One run of a load, without the files of its result.
#pragma once

#include "client/load/target.hpp"
#include "client/options/options.hpp"
#include "client/report/watch.hpp"
#include "client/result/run_result.hpp"

#include <optional>
#include <vector>

namespace echoload {

/// Checks that the machine can hold the load, and runs it; `watch` reports the progress, and both
/// processes are sampled. With `start`, nothing is sent before that time. Throws NotPossible where
/// the machine cannot, and std::system_error.
[[nodiscard]] RunResult run_load(const Options& options, std::vector<Target> targets, Watch& watch,
                                 std::optional<WallTime> start = std::nullopt);

} // namespace echoload
