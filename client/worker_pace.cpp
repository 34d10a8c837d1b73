// SPDX-License-Identifier: MIT
#include "client/worker.hpp"

#include <sys/prctl.h>

#include <algorithm>

// The open loop. Each turn deals the messages that have come due to the connections in turn, and
// sends on those that have room for one in flight; on the others they wait. What is due is decided
// by the schedule alone: a turn that comes late finds more of it, and each message keeps the time
// at which it was due. Nor does a connection that is slow pass its messages on to others, which
// would hide that.

namespace echoload {

namespace {

// A sleep ends this late on an idle machine: the loop wakes up so much earlier and polls.
constexpr Duration kSpin = std::chrono::microseconds(50);

// Messages sent so long after the last one was due count for the rate that was kept. So much behind
// is a hiccup at the end, which the response time tells, and no rate that could not be kept.
constexpr Duration kCatchUp = std::chrono::milliseconds(100);

constexpr std::uint64_t kMostGroups = 1'000'000;

} // namespace

void Worker::begin_schedule() {
    // The default lets the kernel end a sleep up to 50 us late, to save power (prctl(2)).
    ::prctl(PR_SET_TIMERSLACK, 1UL);
    arrivals_->begin(measure_from_ - plan_.warmup, measure_from_);
}

void Worker::deal(TimePoint now) {
    while (!backlog_.empty()) {
        const auto id = next_in_turn();
        if (!id) {
            break;
        }
        give(*id, backlog_.front());
        backlog_.pop_front();
    }
    const TimePoint until = std::min(now, stop_at_ - Duration(1));
    for (; arrivals_->next() <= until; arrivals_->advance()) {
        const Due due{arrivals_->next(), arrivals_->measured()};
        ++current_.messages.due;
        dealt_something_ = true;
        if (due.measured) {
            ++current_.messages.measured_due;
            current_.lag.record(now - due.when);
            result_.last_due = due.when;
        }
        if (outstanding_ + waiting_ >= plan_.max_in_flight) {
            ++current_.messages.shed;
            current_.messages.measured_shed += due.measured ? 1 : 0;
            continue;
        }
        ++waiting_;
        if (const auto id = backlog_.empty() ? next_in_turn() : std::nullopt) {
            give(*id, due);
        } else { // until another connection is open
            backlog_.push_back(due);
        }
    }
    for (const std::uint32_t id : dealt_) {
        slots_[id].dealt = false;
        refill(slots_[id]);
        send(id);
    }
    dealt_.clear();
    if (now >= stop_at_ || arrivals_->next() == Arrivals::kNever) {
        end_schedule(now);
    }
}

void Worker::give(std::uint32_t id, const Due& due) {
    Slot& slot = slots_[id];
    slot.session.wait_to_queue(due.when, due.measured);
    if (!slot.dealt) {
        slot.dealt = true;
        dealt_.push_back(id);
    }
}

void Worker::take_turns(std::uint32_t id) {
    if (!slots_[id].in_turn) {
        slots_[id].in_turn = true;
        turns_.push_back(id);
    }
}

TimePoint Worker::end_of_catching_up() const noexcept {
    return std::min(stop_at_, result_.last_due.value_or(measure_from_)) + kCatchUp;
}

void Worker::end_schedule(TimePoint now) {
    sends_.stop();
    if (now >= end_of_catching_up() && !result_.sent_in_time) {
        result_.sent_in_time =
            result_.tally.messages.measured_sent + current_.messages.measured_sent;
    }
}

void Worker::grant_due(Session& session) {
    const std::uint64_t unanswered = session.outstanding();
    if (unanswered < plan_.pipeline) {
        const std::uint64_t count = std::min(session.waiting(), plan_.pipeline - unanswered);
        session.queue(static_cast<std::uint32_t>(count), false);
        waiting_ -= count;
        outstanding_ += count;
    }
}

std::optional<std::uint32_t> Worker::next_in_turn() {
    while (!turns_.empty()) {
        const std::uint32_t id = turns_.front();
        turns_.pop_front();
        const Session& session = slots_[id].session;
        if (session.is_up() && !session.half_closed() && session.dealt() < plan_.conn_messages) {
            turns_.push_back(id);
            return id;
        }
        slots_[id].in_turn = false;
    }
    return std::nullopt;
}

// In a closed loop with a pause, an echo makes room for a message only when that is over. It is as
// long for all, so they end in the order in which they began.
void Worker::think(std::uint32_t id, std::uint64_t echoes, TimePoint now) {
    if (plan_.think != Duration::zero() && echoes != 0) {
        const auto count = static_cast<std::uint32_t>(echoes);
        slots_[id].thinking += count;
        thoughts_.push_back({now + plan_.think, id, slots_[id].generation, count});
    }
}

void Worker::end_thoughts(TimePoint now) {
    while (!thoughts_.empty() && thoughts_.front().until <= now) {
        const Thought thought = thoughts_.front();
        thoughts_.pop_front();
        Slot& slot = slots_[thought.id];
        if (slot.generation == thought.generation && slot.session.is_up()) {
            slot.thinking -= thought.count;
            refill(slot);
            send(thought.id);
        }
    }
}

// What no connection could take before the run was over.
void Worker::drop_backlog(TimePoint now) noexcept {
    for (const Due& due : backlog_) {
        ++current_.messages.unsent;
        if (due.measured) {
            current_.response.record(now - due.when);
        }
    }
    backlog_.clear();
}

// Where no connection is left, the schedule goes on all the same: what it holds is due, and nobody
// sends it. Many are counted in groups, each at the age of its first message, so that a million a
// second for an hour are no work of an hour.
template <class Count>
void Worker::run_out(Arrivals& arrivals, TimePoint last, Count count) {
    while (arrivals.next() != Arrivals::kNever && arrivals.next() <= last) {
        const std::uint64_t size = arrivals.left(last) / kMostGroups + 1;
        count(arrivals.next(), size, arrivals.measured());
        arrivals.advance(size);
    }
}

void Worker::count_undealt(TimePoint end) {
    measure_from_ = orders_.measure_from();
    if (!arrivals_ || measure_from_ == Orders::kNever) {
        return;
    }
    if (!arrivals_->begun()) {
        arrivals_->begin(measure_from_ - plan_.warmup, measure_from_);
    }
    const TimePoint last = end == Orders::kNever ? end : end - Duration(1);
    if (end == Orders::kNever) { // a number of messages: the schedule ends with the last one
        Arrivals ahead = *arrivals_;
        run_out(ahead, last, [&end](TimePoint when, std::uint64_t, bool) { end = when; });
    }
    run_out(*arrivals_, last, [&](TimePoint when, std::uint64_t count, bool measured) {
        current_.messages.due += count;
        current_.messages.unsent += count;
        result_.undealt += count;
        if (measured) {
            current_.messages.measured_due += count;
            current_.response.record(end - when, count);
            result_.last_due = when;
        }
    });
    if (result_.undealt != 0) {
        add_up();
    }
}

TimePoint Worker::wake_for_schedule() const noexcept {
    const TimePoint next = arrivals_->next();
    if (next < stop_at_ && next != Arrivals::kNever) {
        return next - (epoll_.grain() + kSpin);
    }
    // The schedule is over: only what was sent in time is still to be noted.
    return sends_.exhausted() && !result_.sent_in_time ? end_of_catching_up() : Orders::kNever;
}

} // namespace echoload
