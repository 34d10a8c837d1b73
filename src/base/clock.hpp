// SPDX-License-Identifier: MIT
// The one clock of both programs: steady, read by the loops and passed down. And the time of day.
#pragma once

#include <chrono>

namespace echod {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = std::chrono::nanoseconds;

static_assert(std::is_same_v<Clock::duration, Duration>, "CLOCK_MONOTONIC counts nanoseconds");

/// Later than any deadline.
inline constexpr TimePoint kNever = TimePoint::max();

/// The earliest of them. Unlike std::min of a list, it needs no memory.
template <class... Others>
[[nodiscard]] constexpr TimePoint earliest(TimePoint first, Others... others) noexcept {
    ((first = others < first ? others : first), ...);
    return first;
}

/// The duration in seconds, with its fraction.
[[nodiscard]] constexpr double to_seconds(Duration duration) noexcept {
    return std::chrono::duration<double>(duration).count();
}

/// The time of day in seconds since 1970, for figures that people compare with other machines. It
/// jumps when the clock is set.
[[nodiscard]] inline double unix_seconds() noexcept {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

} // namespace echod
