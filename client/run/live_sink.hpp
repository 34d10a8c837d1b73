// SPDX-License-Identifier: MIT
// The receiver of a run's progress.
#pragma once

#include "client/result/live_interval.hpp"

#include <functional>
#include <optional>

namespace echoload {

/// Callbacks of a run in progress, each in the thread that called run(). None may throw; each may
/// be empty.
struct LiveSink {
    std::function<void(const LiveInterval&)> interval;    ///< an interval is over; none is left out
    std::function<void(std::optional<Outages>)> snapshot; ///< SIGUSR1 came; the outages so far,
                                                          ///< with --reconnect
    std::function<void()> reopen; ///< SIGHUP came, where it does not end the run
    std::function<void()> measured_part_begins;
    std::function<void()> measured_part_ends; ///< only after it began
};

} // namespace echoload
