// SPDX-License-Identifier: MIT
// The one clock of both programs: steady, read by the loops and passed down.
#pragma once

#include <chrono>

namespace echod {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = std::chrono::nanoseconds;

static_assert(std::is_same_v<Clock::duration, Duration>, "CLOCK_MONOTONIC counts nanoseconds");

/// Later than any deadline.
inline constexpr TimePoint kNever = TimePoint::max();

/// The duration in seconds, with its fraction.
[[nodiscard]] constexpr double to_seconds(Duration duration) noexcept {
    return std::chrono::duration<double>(duration).count();
}

} // namespace echod
