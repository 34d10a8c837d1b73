// SPDX-License-Identifier: MIT
// Passes the counts of each interval from a loop to the thread that reports them.
#pragma once

#include "base/clock.hpp"
#include "client/measure/live_targets.hpp"
#include "client/measure/tally.hpp"

#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace echoload {

using echod::TimePoint;

/// The counts of one interval.
struct WorkerInterval {
    Tally tally;
    std::uint32_t open = 0; ///< connections up at its end
    std::vector<AddressInterval> addresses;
    std::optional<LoopOutages> outages; ///< with --reconnect
};

/// What a loop is at the end of an interval.
struct LoopState {
    std::span<const Tally> tallies;      ///< of the interval: of each address, and of no address
    std::span<const std::uint32_t> open; ///< connections up, of each address
    std::optional<LoopOutages> outages;  ///< of the interval
};

/// Intervals that the reader does not take in time are added up, so that no count is lost.
class IntervalPublisher {
public:
    /// Without an `interval`, next() never comes.
    IntervalPublisher(std::optional<Duration> interval, TimePoint start) noexcept;

    /// There are intervals.
    [[nodiscard]] bool enabled() const noexcept { return interval_.has_value(); }

    /// When the current interval ends.
    [[nodiscard]] TimePoint next() const noexcept { return next_; }

    /// Publishes the counts up to `now`. The ends of intervals stay on their grid also after a
    /// stall.
    void publish(LoopState state, TimePoint now);

    /// What was published since the last call; nothing where nothing was. Any thread, but one at a
    /// time. The histograms, which are large, are copied without making the loop wait.
    [[nodiscard]] std::optional<WorkerInterval> take();

private:
    const std::optional<Duration> interval_;
    TimePoint next_ = TimePoint::max();
    std::mutex mutex_;
    WorkerInterval spare_;       ///< of the reader; without counts between its calls
    WorkerInterval published_;   ///< guarded by mutex_
    bool has_published_ = false; ///< guarded by mutex_
};

} // namespace echoload
