// SPDX-License-Identifier: MIT
// What the runner tells its loops: all that is shared while they run.
#pragma once

#include "base/clock.hpp"

#include <atomic>
#include <limits>

namespace echoload {

/// Written by the runner, read by each loop once a turn, and when something comes that may be in
/// the measured part. A time not yet known is infinitely far.
class Orders {
public:
    static constexpr echod::TimePoint kNever = echod::TimePoint::max();

    /// The measured part of the run begins.
    void measure_from(echod::TimePoint when) noexcept { store(measure_from_, when); }
    [[nodiscard]] echod::TimePoint measure_from() const noexcept { return load(measure_from_); }

    /// Nothing is sent from then on but what was begun; what is in flight is waited for.
    void stop_at(echod::TimePoint when) noexcept { store(stop_at_, when); }
    [[nodiscard]] echod::TimePoint stop_at() const noexcept { return load(stop_at_); }

    /// Nothing is waited for any more.
    void abandon() noexcept { abandoned_.store(true, std::memory_order_release); }
    [[nodiscard]] bool abandoned() const noexcept {
        return abandoned_.load(std::memory_order_acquire);
    }

private:
    using Atomic = std::atomic<echod::TimePoint::rep>;

    static void store(Atomic& to, echod::TimePoint when) noexcept {
        to.store(when.time_since_epoch().count(), std::memory_order_release);
    }
    static echod::TimePoint load(const Atomic& from) noexcept {
        return echod::TimePoint(echod::Duration(from.load(std::memory_order_acquire)));
    }

    Atomic measure_from_{kNever.time_since_epoch().count()};
    Atomic stop_at_{kNever.time_since_epoch().count()};
    std::atomic<bool> abandoned_{false};
};

} // namespace echoload
