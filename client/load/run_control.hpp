// SPDX-License-Identifier: MIT
// The runner's control of its loops: all that they share while they run.
#pragma once

#include "base/clock.hpp"

#include <atomic>
#include <limits>

namespace echoload {

/// Written by the runner, read by each loop once an iteration and when an echo comes that may be in
/// the measured window. A time that is not known yet is kNever.
class RunControl {
public:
    static constexpr echod::TimePoint kNever = echod::TimePoint::max();

    /// The measured part of the run begins.
    void measure_from(echod::TimePoint when) noexcept { store(measure_from_, when); }
    [[nodiscard]] echod::TimePoint measure_from() const noexcept { return load(measure_from_); }

    /// From then on no message is begun; loops wait for those in flight.
    void stop_at(echod::TimePoint when) noexcept { store(stop_at_, when); }
    [[nodiscard]] echod::TimePoint stop_at() const noexcept { return load(stop_at_); }

    /// Loops end at once.
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
