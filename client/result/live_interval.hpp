// SPDX-License-Identifier: MIT
// The figures of one interval of a run in progress.
#pragma once

#include "base/clock.hpp"
#include "client/measure/tally.hpp"

#include <cstdint>
#include <optional>

namespace echoload {

/// One interval of a run in progress.
struct LiveInterval {
    Duration at{};                    ///< since the start
    Duration length{};                ///< of the interval
    std::optional<Duration> measured; ///< of the measured part, so far; nothing before it begins
    Tally tally;                      ///< of the interval
    std::uint32_t open = 0;           ///< connections up
    bool open_loop = false;
};

} // namespace echoload
