// SPDX-License-Identifier: MIT
// The processor time, memory and descriptors that a process uses, read from proc(5).
#pragma once

#include "base/clock.hpp"
#include "base/throttling.hpp"

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>

namespace echoload {

using echod::Duration;
using echod::GroupThrottling;
using echod::Throttling;
using echod::TimePoint;

/// The times of a thread, from schedstat of proc(5).
struct ThreadTimes {
    Duration cpu{};
    Duration waited{}; ///< ready to run, while others had the processor
};

/// A process at one moment.
struct ProcessSample {
    TimePoint at;
    std::uint64_t started = 0; ///< unlike that of a later process of its number; 0 of this process
                               ///< where /proc cannot be read
    Duration cpu{};            ///< of all its threads, also of those that have ended
    std::map<pid_t, ThreadTimes> threads;     ///< of each living thread
    std::optional<std::uint64_t> resident;    ///< bytes
    std::optional<std::uint64_t> descriptors; ///< nothing where permission is missing
    GroupThrottling throttling;               ///< of its control groups
};

/// Nothing where there is no such process, or it is another one than this and /proc does not show
/// it.
[[nodiscard]] std::optional<ProcessSample> sample_process(pid_t pid);

/// In a shorter time, shares of a processor say nothing: the kernel counts in ticks of 1 to 10 ms.
inline constexpr Duration kShortestShare = std::chrono::milliseconds(100);

/// What a process used between two samples. Shares are of one processor: 1 is all of its time.
struct ProcessUse {
    pid_t pid = 0;
    double cpu = 0;
    double busiest_thread = 0;
    bool too_short = false; ///< the time between the samples is, so that the shares say nothing
    std::optional<double> longest_wait; ///< of the thread that waited longest for a processor: the
                                        ///< share of the time; nothing where it is not known
    std::optional<Throttling> throttling;         ///< of a control group, between the samples
    std::optional<std::uint64_t> resident_before; ///< bytes
    std::optional<std::uint64_t> resident;
    std::optional<std::uint64_t> descriptors_before;
    std::optional<std::uint64_t> descriptors;
};

/// Samples a process when the measured part of a run begins and when it ends.
class ProcessWatch {
public:
    explicit ProcessWatch(pid_t pid) noexcept : pid_(pid) {}

    void begin();
    void end();

    /// Nothing where the process did not exist at both moments.
    [[nodiscard]] std::optional<ProcessUse> use() const;

private:
    pid_t pid_;
    std::optional<ProcessSample> before_;
    std::optional<ProcessSample> after_;
};

} // namespace echoload
