// SPDX-License-Identifier: MIT
// The result of a run, added up of those of its loops.
#pragma once

#include "client/load/worker.hpp"
#include "client/result/run_result.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace echoload {

/// The part of the options that the window and the rate depend on.
struct RequestedLoad {
    std::optional<std::uint64_t> messages; ///< measured ones; nothing: the run has a duration
    std::optional<Pace> pace;              ///< of an open loop
    Arrival arrival = Arrival::constant;
};

/// When a run began, was measured and ended.
struct RunTimes {
    TimePoint start;
    TimePoint measure_from; ///< RunControl::kNever where nothing was measured
    TimePoint stop_at;      ///< RunControl::kNever where nothing but the last echo ended it
    TimePoint end;
};

/// Adds up what the loops of a run came to.
class ResultSum {
public:
    explicit ResultSum(std::chrono::system_clock::time_point started) { result_.started = started; }

    void add(const WorkerResult& part);
    void add_abuse(const AbuseResult& abuse, const std::vector<Mismatch>& mismatches);

    /// Keeps the first reason that is not empty.
    void add_failure(const std::string& reason);

    /// Call it last: the window, the rate and the lengths, which need every part. `signal` ended
    /// the run, or is 0.
    [[nodiscard]] RunResult finish(const RequestedLoad& load, const RunTimes& times, int signal);

private:
    [[nodiscard]] std::optional<AchievedRate> achieved_rate(const RequestedLoad& load,
                                                            const RunTimes& times) const;
    void add_mismatches(const std::vector<Mismatch>& mismatches);

    RunResult result_;
    RateCourse course_;
    std::vector<ConnectionUse> connections_;
    std::vector<Outages> outages_;           ///< of each loop
    std::optional<TimePoint> ramped_;        ///< when the last connection was up or had failed
    std::optional<TimePoint> last_measured_; ///< when the last measured echo was complete
    std::optional<TimePoint> last_due_;
    std::uint64_t sent_in_time_ = 0;
};

} // namespace echoload
