// SPDX-License-Identifier: MIT
// A run from its start to its result: the loops, the phases they go through, and signals.
#pragma once

#include "client/options.hpp"
#include "client/process.hpp"
#include "client/worker.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace echoload {

/// How well an open loop kept the pace, over the time in which its messages were due.
struct RateKept {
    double asked = 0;    ///< messages a second by the schedule, however the run went
    double achieved = 0; ///< of these, handed to the kernel by 100 ms after its end

    [[nodiscard]] double ratio() const noexcept { return asked == 0 ? 1 : achieved / asked; }
};

/// What a run came to. Where it never got to something, that is absent.
struct RunResult {
    Tally tally;
    std::uint32_t peak = 0;          ///< of each loop, added up
    std::uint32_t not_tried = 0;     ///< connections not opened, or given up while connecting
    std::uint64_t undealt = 0;       ///< of tally.messages.unsent: nobody was there to send them
    std::optional<Duration> ramp_up; ///< from the start until each connection was up or failed
    std::optional<Duration> window;  ///< the measured part, without the wait for the last echoes
    Duration elapsed{};              ///< from the start to the end
    std::chrono::system_clock::time_point started;
    std::optional<RateKept> rate; ///< of an open loop
    std::vector<LoopUse> loops;   ///< those in which the measured part began
    std::vector<Mismatch> mismatches;
    std::optional<AbuseResult> abuse; ///< where there were misbehaving connections
    std::optional<ProcessUse> client; ///< in the measured part; so is the server's
    std::optional<ProcessUse> server;
    int signal = 0;      ///< that ended the run, or 0
    std::string failure; ///< why the run was not possible, or empty
};

/// One interval of a run in progress.
struct LiveInterval {
    Duration at{};                    ///< since the start
    Duration length{};                ///< of the interval
    std::optional<Duration> measured; ///< of the measured part, so far; nothing before it begins
    Tally tally;                      ///< of the interval
    std::uint32_t open = 0;           ///< connections up
    bool open_loop = false;
};

/// Who hears of a run in progress, in the thread that called run(). Neither may throw.
struct LiveSink {
    std::function<void(const LiveInterval&)> interval; ///< all that happened is in one of them
    std::function<void()> snapshot;                    ///< SIGUSR1 came
    std::function<void()> begins;                      ///< the measured part
    std::function<void()> ends;                        ///< it too, if it began
};

/// Runs what `options` ask for. `live` hears every `interval`
/// and of what remained at the end, where there is one. SIGINT and
/// SIGTERM stop the run: a second one does not wait for echoes. Throws std::system_error where the
/// machine refuses what every run needs.
[[nodiscard]] RunResult run(const Options& options, const std::vector<Target>& targets,
                            std::optional<Duration> interval, const LiveSink& live);

} // namespace echoload
