// SPDX-License-Identifier: MIT
#include "client/load/open_loop.hpp"

#include <algorithm>
#include <chrono>

namespace echoload {

namespace {

// A sleep ends this late on an idle machine: the loop wakes up as much earlier and polls.
constexpr Duration kSpin = std::chrono::microseconds(50);

// Messages sent this long after the last due time count as sent in time. A delay of this size is a
// hiccup at the end, which the response time shows, and not a rate that was too high.
constexpr Duration kCatchUp = std::chrono::milliseconds(100);

// Many messages are counted in groups, so that a long schedule of a high rate takes a bounded time.
constexpr std::uint64_t kMostGroups = 1'000'000;

void count_in_stage(TimePoint due, std::uint64_t count, Tally& tally) noexcept {
    if (!tally.stages.empty()) {
        tally.stages.of(due).due += count;
    }
}

} // namespace

OpenLoop::OpenLoop(const Arrivals& arrivals, std::uint64_t max_in_flight, std::uint32_t connections)
    : arrivals_(arrivals), max_in_flight_(max_in_flight), has_turn_(connections),
      is_dispatched_(connections) {}

void OpenLoop::begin(TimePoint warm_up, TimePoint measured) noexcept {
    measured_from_ = measured;
    arrivals_.begin(warm_up, measured);
}

void OpenLoop::add_connection(std::uint32_t id) {
    if (!has_turn_[id]) {
        has_turn_[id] = true;
        turns_.push_back(id);
    }
}

std::optional<OpenLoop::Due> OpenLoop::take_due(TimePoint now, TimePoint stop_at,
                                                std::uint64_t outstanding, Tally& tally) {
    const TimePoint until = std::min(now, stop_at - Duration(1));
    for (; arrivals_.next() <= until; arrivals_.advance()) {
        const Due due{arrivals_.next(), arrivals_.measured()};
        dispatched_something_ = true;
        ++tally.messages.due;
        if (due.measured) {
            ++tally.messages.measured_due;
            tally.lag.record(now - due.when);
            last_due_ = due.when;
            count_in_stage(due.when, 1, tally);
        }
        if (outstanding + waiting_ < max_in_flight_) {
            ++waiting_;
            arrivals_.advance();
            return due;
        }
        ++tally.messages.shed;
        tally.messages.measured_shed += due.measured ? 1 : 0;
        if (due.measured && !tally.stages.empty()) {
            ++tally.stages.of(due.when).shed;
        }
    }
    return std::nullopt;
}

void OpenLoop::note_dispatched(std::uint32_t id) {
    if (!is_dispatched_[id]) {
        is_dispatched_[id] = true;
        dispatched_.push_back(id);
    }
}

TimePoint OpenLoop::end_of_catching_up(TimePoint stop_at) const noexcept {
    return std::min(stop_at, last_due_.value_or(measured_from_)) + kCatchUp;
}

void OpenLoop::note_sent(std::uint64_t sent, TimePoint now, TimePoint stop_at) noexcept {
    if (now >= end_of_catching_up(stop_at) && !sent_in_time_) {
        sent_in_time_ = sent;
    }
}

TimePoint OpenLoop::next(TimePoint stop_at, Duration margin, bool over) const noexcept {
    const TimePoint next = arrivals_.next();
    if (next < stop_at && next != kNever) {
        return next - (margin + kSpin);
    }
    return over && !sent_in_time_ ? end_of_catching_up(stop_at) : kNever;
}

void OpenLoop::drop_backlog(Tally& tally) noexcept {
    for (const Due& due : backlog_) {
        ++tally.messages.unsent;
        tally.messages.measured_gone += due.measured ? 1 : 0;
    }
    backlog_.clear();
}

void OpenLoop::count_unassigned(TimePoint end, Tally& tally) {
    const TimePoint last = end - Duration(1);
    while (arrivals_.next() != Arrivals::kNever && arrivals_.next() <= last) {
        const std::uint64_t count = arrivals_.left(last) / kMostGroups + 1;
        tally.messages.due += count;
        tally.messages.unsent += count;
        unassigned_ += count;
        if (arrivals_.measured()) {
            tally.messages.measured_due += count;
            tally.messages.measured_gone += count;
            last_due_ = arrivals_.next();
            count_in_stage(arrivals_.next(), count, tally);
        }
        arrivals_.advance(count);
    }
}

} // namespace echoload
