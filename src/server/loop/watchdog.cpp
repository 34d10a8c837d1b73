// SPDX-License-Identifier: MIT
#include "server/loop/watchdog.hpp"

#include "base/ignore_bad_alloc.hpp"
#include "base/units.hpp"

#include <fmt/format.h>

#include <utility>

namespace echod {

void Watchdog::feed(TimePoint now) noexcept {
    if (!timeout_ || now - fed_ < *timeout_ / 2) {
        return;
    }
    const Duration since = now - std::exchange(fed_, now);
    service_.feed_watchdog();
    if (since > *timeout_ * 3 / 4) {
        ignore_bad_alloc([&] {
            log_.entry(LogLevel::warning, message_id::kWatchdog, {},
                       fmt::format("the watchdog was fed after {}, close to its limit of {}: "
                                   "the machine or the loop is overloaded",
                                   humanize_duration(since), format_duration(*timeout_)));
        });
    }
}

} // namespace echod
