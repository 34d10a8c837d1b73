// SPDX-License-Identifier: MIT
// Polling for an event instead of sleeping, for a limited time.
#pragma once

#include "base/clock.hpp"

#include <algorithm>

namespace echod {

/// The end of poll_until().
struct Polled {
    int count;        ///< what the last poll returned
    TimePoint now;    ///< when it returned
    Duration longest; ///< the longest time that a single poll took
    int polls;        ///< how many there were
};

/// Calls poll(), which does not sleep, until it returns something else than 0 or read_clock()
/// returns `until` or later. `now`: the time of the call.
template <class Poll, class ReadClock>
[[nodiscard]] Polled poll_until(TimePoint until, TimePoint now, Poll&& poll,
                                ReadClock&& read_clock) {
    Polled polled{0, now, {}, 0};
    do {
        ++polled.polls;
        polled.count = poll();
        const TimePoint before = polled.now;
        polled.now = read_clock();
        polled.longest = std::max(polled.longest, polled.now - before);
    } while (polled.count == 0 && polled.now < until);
    return polled;
}

} // namespace echod
