// SPDX-License-Identifier: MIT
// The figures of a run in progress in Prometheus' text format.
#pragma once

#include "client/result/live_interval.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace echoload {

/// What a run counted since its start.
struct RunFigures {
    std::chrono::system_clock::time_point started;
    bool open_loop = false;
    bool reconnects = false;
    Tally tally;
    Duration elapsed{}; ///< up to the end of the last interval
    std::vector<TargetState> targets;

    /// Adds an interval.
    void add(const LiveInterval& interval);
};

/// The metrics in version 0.0.4 of the format, complete families.
[[nodiscard]] std::string metrics_text(const RunFigures& figures);

} // namespace echoload
