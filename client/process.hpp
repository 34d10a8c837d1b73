// SPDX-License-Identifier: MIT
// What a process takes of the machine, as proc(5) tells it.
#pragma once

#include "base/clock.hpp"

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace echoload {

using echod::Duration;
using echod::TimePoint;

/// A process at one moment.
struct ProcessSample {
    TimePoint at;
    std::uint64_t started = 0;                ///< tells it from another one that got its number
    Duration cpu{};                           ///< of all its threads, also of those that have ended
    std::map<pid_t, Duration> threads;        ///< of each that lives
    std::uint64_t resident = 0;               ///< bytes
    std::optional<std::uint64_t> descriptors; ///< nothing where we may not look
};

/// Nothing where there is no such process.
[[nodiscard]] std::optional<ProcessSample> sample_process(pid_t pid);

/// The main process of a systemd unit. Throws NotPossible where there is none, or nobody to ask.
[[nodiscard]] pid_t main_pid_of_unit(const std::string& unit);

/// What a process took between two moments. Shares are of one processor: 1 is all of its time.
struct ProcessUse {
    pid_t pid = 0;
    double cpu = 0;
    double busiest_thread = 0;
    std::uint64_t resident_before = 0; ///< bytes
    std::uint64_t resident = 0;
    std::optional<std::uint64_t> descriptors_before;
    std::optional<std::uint64_t> descriptors;
};

/// Looks at a process when the measured part of a run begins and when it ends.
class ProcessWatch {
public:
    explicit ProcessWatch(pid_t pid) noexcept : pid_(pid) {}

    void begin();
    void end();

    /// Nothing where the process was not there at both moments.
    [[nodiscard]] std::optional<ProcessUse> use() const;

private:
    pid_t pid_;
    std::optional<ProcessSample> before_;
    std::optional<ProcessSample> after_;
};

} // namespace echoload
