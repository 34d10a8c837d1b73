// SPDX-License-Identifier: MIT
// The processor time of a loop's thread.
#pragma once

#include "base/clock.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace echoload {

using echod::Duration;

/// The processor time of a loop's thread during the measured part.
struct LoopUse {
    Duration user{};
    Duration system{};
    Duration wall{};
    Duration polled{};       ///< of wall: it polled for events instead of sleeping
    Duration longest_turn{}; ///< an event that came at its beginning waited for up to that time
    Duration turns_total{};  ///< time in turns that had events
    std::uint64_t turns = 0; ///< number of turns that had events
    std::optional<Duration> waited; ///< ready to run, while others had the processor; nothing where
                                    ///< the kernel does not say
    Duration gaps{};                ///< of wall: it did not run although it had to (LoopMeter)
    Duration longest_gap{};         ///< of these
    std::optional<Duration> lag_p99; ///< open loop: how late it handled messages
    std::optional<Duration> lag_max;

    /// Shares of one processor: all of its time, and that without polling.
    [[nodiscard]] double share() const noexcept { return of_wall(user + system); }
    [[nodiscard]] double work_share() const noexcept { return of_wall(user + system - polled); }
    [[nodiscard]] double gap_share() const noexcept { return of_wall(gaps); }
    [[nodiscard]] std::optional<double> wait_share() const noexcept {
        return waited ? std::optional(of_wall(*waited)) : std::nullopt;
    }

    [[nodiscard]] std::optional<Duration> mean_turn() const noexcept {
        return turns == 0 ? std::nullopt
                          : std::optional(turns_total / static_cast<std::int64_t>(turns));
    }

private:
    [[nodiscard]] double of_wall(Duration used) const noexcept {
        return wall <= Duration::zero() || used <= Duration::zero()
                   ? 0
                   : std::min(std::chrono::duration<double>(used) / wall, 1.0);
    }
};

} // namespace echoload
