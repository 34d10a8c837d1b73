// SPDX-License-Identifier: MIT
// The one clock that decides anything: steady, read once and passed down.
#pragma once

#include <chrono>

namespace echod {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = std::chrono::nanoseconds;

static_assert(std::is_same_v<Clock::duration, Duration>, "CLOCK_MONOTONIC counts nanoseconds");

/// With its fraction.
[[nodiscard]] constexpr double to_seconds(Duration duration) noexcept {
    return std::chrono::duration<double>(duration).count();
}

} // namespace echod
