// SPDX-License-Identifier: MIT
// The figures of one interval of a run in progress.
#pragma once

#include "base/clock.hpp"
#include "client/measure/live_targets.hpp"
#include "client/measure/tally.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

namespace echoload {

/// One interval of a run in progress.
struct LiveInterval {
    Duration at{};                    ///< since the start
    Duration length{};                ///< of the interval
    std::optional<Duration> measured; ///< of the measured part, so far; nothing before it begins
    Tally tally;                      ///< of the interval
    std::uint32_t open = 0;           ///< connections up
    bool open_loop = false;
    bool reconnects = false;          ///< outages are known
    std::uint64_t outages_begun = 0;  ///< in the interval
    std::vector<TargetState> targets; ///< at its end

    /// The longest of the outages that last at its end, so far; nothing where none lasts.
    [[nodiscard]] std::optional<Duration> out_since() const noexcept {
        std::optional<Duration> longest;
        for (const TargetState& target : targets) {
            longest = std::max(longest, target.out_since); // nothing is less than any length
        }
        return longest;
    }
};

} // namespace echoload
