// SPDX-License-Identifier: MIT
#include "client/run/phases.hpp"

#include <algorithm>

namespace echoload {

namespace {

// How long the first signal that ends the run waits for messages in flight.
constexpr Duration kInterruptGrace = std::chrono::seconds(1);

} // namespace

bool Phases::is_ramping_up() const noexcept {
    return control_.measure_from() == RunControl::kNever;
}

void Phases::end_ramp_up(TimePoint now, TimePoint not_before) noexcept {
    const TimePoint from = std::max(now, not_before) + lengths_.warmup;
    control_.measure_from(from);
    if (lengths_.duration) {
        control_.stop_at(from + *lengths_.duration);
    }
}

void Phases::interrupt(int signal, TimePoint now) noexcept {
    if (signal_ != 0) {
        control_.abandon();
        return;
    }
    signal_ = signal;
    control_.stop_at(std::min(control_.stop_at(), now));
    grace_ends_ = now + std::min(kInterruptGrace, lengths_.timeout);
}

void Phases::end_early(TimePoint now) noexcept {
    control_.stop_at(std::min(control_.stop_at(), now));
    grace_ends_ = std::min(grace_ends_, now + std::min(kInterruptGrace, lengths_.timeout));
}

bool Phases::expire_grace(TimePoint now) noexcept {
    if (now < grace_ends_ || control_.abandoned()) {
        return false;
    }
    control_.abandon();
    return true;
}

void Phases::update(TimePoint now, bool answered) {
    if (!began_) {
        if (now < control_.measure_from()) {
            return;
        }
        began_ = true;
        if (live_.measured_part_begins) {
            live_.measured_part_begins();
        }
    }
    if (!ended_ && (answered || now >= control_.stop_at())) {
        ended_ = true;
        if (live_.measured_part_ends) {
            live_.measured_part_ends();
        }
    }
}

TimePoint Phases::next_deadline(TimePoint now) const noexcept {
    TimePoint next = RunControl::kNever;
    if (!began_) {
        next = control_.measure_from();
    } else if (!ended_) {
        next = control_.stop_at();
    }
    return std::min(next, now < grace_ends_ ? grace_ends_ : RunControl::kNever);
}

std::optional<Duration> Phases::measured_until(TimePoint now) const noexcept {
    const TimePoint from = control_.measure_from();
    const TimePoint to = std::min(control_.stop_at(), now);
    return from < to ? std::optional<Duration>(to - from) : std::nullopt;
}

} // namespace echoload
