// SPDX-License-Identifier: MIT
// A run from its start to its result: it starts the loops, moves the phases and reads signals.
#pragma once

#include "client/load/target.hpp"
#include "client/options/options.hpp"
#include "client/result/run_result.hpp"
#include "client/run/live_sink.hpp"

#include <optional>
#include <vector>

namespace echoload {

/// Runs what `options` request. With `start`, nothing is sent before that time. `live` gets each
/// `interval` and what remained at the end, where there is an interval. The signals of
/// stop_signals() stop the run; a second one does not wait for echoes. Throws std::system_error
/// where the machine refuses what every run needs.
[[nodiscard]] RunResult run(const Options& options, const std::vector<Target>& targets,
                            std::optional<Duration> interval, const LiveSink& live,
                            std::optional<WallTime> start = std::nullopt);

} // namespace echoload
