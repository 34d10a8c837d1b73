// SPDX-License-Identifier: MIT
// The result of a run.
#pragma once

#include "base/clock.hpp"
#include "client/measure/address_use.hpp"
#include "client/measure/clock_state.hpp"
#include "client/measure/condition.hpp"
#include "client/measure/outage.hpp"
#include "client/measure/process.hpp"
#include "client/measure/tally.hpp"
#include "client/message/mismatch.hpp"
#include "client/result/abuse_result.hpp"
#include "client/result/fairness.hpp"
#include "client/result/loop_use.hpp"
#include "client/result/steadiness.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace echoload {

/// How well an open loop kept the pace, over the time in which its messages were due.
struct AchievedRate {
    double requested = 0; ///< messages a second by the schedule, however the run went
    double achieved = 0;  ///< of these, handed to the kernel by 100 ms after its end

    [[nodiscard]] double ratio() const noexcept {
        return requested == 0 ? 1 : achieved / requested;
    }
};

/// How a condition of --abort-on ended a run.
struct Aborted {
    Condition condition;
    double measured = 0; ///< in the unit of its figure
    Duration after{};    ///< since the measured part began
};

/// The start of a run for which a time was requested.
struct StartUse {
    std::chrono::system_clock::time_point at; ///< by the clock of this machine
    std::optional<Duration> late;             ///< by how much it began later; nothing: never
};

/// The result of a run. A figure of a phase that was not reached is absent.
struct RunResult {
    Tally tally;
    std::uint32_t peak = 0;       ///< of each loop, added up
    std::uint32_t not_tried = 0;  ///< connections not opened, or given up while connecting
    std::uint64_t unassigned = 0; ///< of tally.messages.unsent: no connection was left to send them
    std::optional<Duration> ramp_up; ///< from the start until each connection was up or failed
    std::optional<Duration> window;  ///< the measured part, without the wait for the last echoes
    Duration elapsed{};              ///< from the start to the end
    std::chrono::system_clock::time_point started;
    std::chrono::system_clock::time_point ended;
    std::optional<ClockState> clock;  ///< at the end
    std::optional<StartUse> start;    ///< with --start-at
    std::optional<AchievedRate> rate; ///< of an open loop
    std::vector<LoopUse> loops;       ///< those in which the measured part began
    std::vector<Mismatch> mismatches;
    std::vector<AddressUse> addresses;    ///< of the targets, in their order
    std::optional<Fairness> fairness;     ///< of two connections or more that are not replaced
    std::optional<Steadiness> steadiness; ///< of a rate that is meant to stay the same
    std::optional<Outages> outages;       ///< where lost connections are replaced
    std::optional<AbuseResult> abuse;     ///< where there were misbehaving connections
    std::optional<ProcessUse> client;     ///< in the measured part; so is the server's
    std::optional<ProcessUse> server;
    std::optional<Aborted> aborted; ///< where --abort-on ended the run
    int signal = 0;                 ///< that ended the run, or 0
    std::string failure;            ///< why the run was not possible, or empty
};

} // namespace echoload
