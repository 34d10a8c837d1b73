// SPDX-License-Identifier: MIT
// The service manager's watchdog, fed from the loop: a loop that hangs stops feeding it.
#pragma once

#include "base/clock.hpp"
#include "server/log/log.hpp"
#include "server/service/manager.hpp"

#include <optional>

namespace echod {

class Watchdog {
public:
    /// Borrows log and service for its life. Without a timeout it does nothing.
    Watchdog(Log& log, ServiceManager& service, std::optional<Duration> timeout,
             TimePoint now) noexcept
        : log_(log), service_(service), timeout_(timeout), fed_(now) {}

    /// When feed() has to be called: half of the timeout after the last time; kNever without a
    /// timeout.
    [[nodiscard]] TimePoint next_due() const noexcept {
        return timeout_ ? fed_ + *timeout_ / 2 : kNever;
    }

    /// Notifies the service manager where that is due. Logs a warning where it was nearly too late.
    void feed(TimePoint now) noexcept;

private:
    Log& log_;
    ServiceManager& service_;
    std::optional<Duration> timeout_;
    TimePoint fed_; ///< the last notification
};

} // namespace echod
