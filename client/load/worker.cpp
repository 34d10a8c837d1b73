// SPDX-License-Identifier: MIT
#include "client/load/worker.hpp"

#include "base/clock.hpp"
#include "base/sys_error.hpp"
#include "net/poll_until.hpp"

#include <sched.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>

// An iteration of the loop: RunControl, what is due, the phases of the run, then a wait until the
// next due time or an event, and the events.

namespace echoload {

using echod::Clock;

namespace {

constexpr std::size_t kEventsPerTurn = 512;
// In an open loop, a message may be sent late by the time that these take, about 50 us.
constexpr std::size_t kEventsBetweenDues = 32;

// From then on the calling thread runs on that processor alone.
void pin_thread(std::uint32_t cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (::sched_setaffinity(0, sizeof set, &set) != 0) {
        echod::throw_errno(errno, "sched_setaffinity");
    }
}

} // namespace

Worker::Worker(const WorkerPlan& plan, const Generator& generator,
               const std::vector<Target>& targets, const RunControl& control,
               echod::EventFd& notice, TimePoint start)
    : plan_(plan), control_(control), status_(notice),
      connections_(plan_, generator, targets, control, status_, epoll_, start),
      traffic_(plan_, generator, connections_), intervals_(plan.interval, start) {
    sums_.resize(connections_.tallies().size());
    if (const int error = epoll_.add(wake_.fd(), EPOLLIN | EPOLLET, kWakeToken); error != 0) {
        echod::throw_errno(error, "epoll_ctl");
    }
}

void Worker::run() {
    if (plan_.cpu) {
        pin_thread(*plan_.cpu);
    }
    std::array<epoll_event, kEventsPerTurn> storage;
    const auto events =
        std::span(storage).first(plan_.arrivals ? kEventsBetweenDues : kEventsPerTurn);
    while (!connections_.finished()) {
        const TimePoint now = Clock::now();
        begin_iteration(now);
        if (connections_.finished()) {
            break;
        }
        wait_and_handle(events, now);
    }
    finish(Clock::now());
}

void Worker::begin_iteration(TimePoint now) {
    begin_measuring(now); // first: a sleep across the beginning that ended late is a gap
    meter_.begin_iteration(now);
    apply_control(now);
    traffic_.run_due(now);
    note_ramped();
    connections_.end_if_exhausted();
    note_answered(now);
    connections_.end_of_drain(now);
    if (now >= intervals_.next()) {
        publish(now);
    }
}

void Worker::wait_and_handle(std::span<epoll_event> events, TimePoint now) {
    const Duration sleep = time_to_sleep(now);
    if (sleep > Duration::zero()) {
        meter_.sleeps_until(now + sleep);
    }
    const Woken woken = sleep > Duration::zero() && plan_.busy_poll > Duration::zero()
                            ? poll_and_wait(events, now, sleep)
                            : Woken{epoll_.wait(events, sleep)};
    if (woken.count < 0) {
        echod::throw_errno(-woken.count, "epoll_wait");
    }
    if (woken.count != 0) {
        const TimePoint at = woken.at ? *woken.at : Clock::now();
        begin_measuring(at);
        meter_.woke(at);
    } else if (const OpenLoop* const open_loop = connections_.pacer().open_loop();
               open_loop != nullptr && !open_loop->dispatched_something() &&
               sleep == Duration::zero() && !connections_.has_ready()) {
        meter_.polled(now);
    }
    for (const epoll_event& event : events.first(static_cast<std::size_t>(woken.count))) {
        if (event.data.u64 == kWakeToken) {
            wake_.clear();
        } else {
            traffic_.handle(event);
        }
    }
}

// Everything that ends a sleep is an event, also wake(). Until the first poll has returned, the
// loop worked; the clock is read after each poll.
Worker::Woken Worker::poll_and_wait(std::span<epoll_event> events, TimePoint now, Duration sleep) {
    std::optional<TimePoint> before;
    const auto read_clock = [&] {
        const TimePoint after = Clock::now();
        if (before) {
            meter_.polled_for(after - *before);
        }
        before = after;
        return after;
    };
    const echod::Polled polled = echod::poll_until(
        now + std::min(plan_.busy_poll, sleep), now,
        [&] { return epoll_.wait(events, Duration::zero()); }, read_clock);
    const Duration left = sleep - (polled.now - now);
    if (polled.count != 0 || left <= Duration::zero()) {
        return {polled.count, polled.now};
    }
    return {epoll_.wait(events, left)};
}

void Worker::apply_control(TimePoint now) {
    measure_from_ = control_.measure_from();
    stop_at_ = control_.stop_at();
    if (control_.abandoned()) {
        connections_.abandon();
    }
    begin_measuring(now);
    if (now >= warm_up_from()) {
        traffic_.release();
    }
    if (plan_.arrivals && measure_from_ != RunControl::kNever) {
        run_schedule(now);
    }
    if (!stopping_ && now >= stop_at_) {
        stop_sending(now);
    }
}

// When connections that are held back may send; kNever where none is.
TimePoint Worker::warm_up_from() const noexcept {
    const bool holds = measure_from_ != RunControl::kNever && connections_.pacer().holds();
    return holds ? measure_from_ - plan_.warmup : RunControl::kNever;
}

// Also before the events of a wait that ended late: what they answer was outstanding when the
// measured part began.
void Worker::begin_measuring(TimePoint now) {
    const TimePoint from = control_.measure_from();
    if (!meter_.begun() && now >= from) [[unlikely]] {
        meter_.begin(from);
        traffic_.measure();
    }
}

void Worker::begin_schedule() {
    const TimePoint from = control_.measure_from();
    connections_.pacer().open_loop()->begin(from - plan_.warmup, from);
    if (plan_.stage_ends.empty()) {
        return;
    }
    std::vector<TimePoint> ends;
    ends.reserve(plan_.stage_ends.size());
    for (const Duration end : plan_.stage_ends) {
        ends.push_back(from + end);
    }
    for (Tally& tally : connections_.tallies()) {
        tally.stages.begin(ends);
    }
}

void Worker::run_schedule(TimePoint now) {
    OpenLoop& open_loop = *connections_.pacer().open_loop();
    if (!open_loop.begun()) {
        // The default lets the kernel end a sleep up to 50 us late, to save power (prctl(2)).
        ::prctl(PR_SET_TIMERSLACK, 1UL);
        begin_schedule();
    }
    traffic_.dispatch(now, stop_at_);
    if (open_loop.is_over(now, stop_at_)) {
        connections_.pacer().stop();
        open_loop.note_sent(measured_sent(), now, stop_at_);
    }
}

void Worker::stop_sending(TimePoint now) {
    stopping_ = true;
    connections_.set_drain_limit(plan_.drain ? stop_at_ + *plan_.drain : RunControl::kNever);
    meter_.end(now);
    connections_.stop(now);
}

// The time is read here: in an iteration, many connections may have been opened since it began.
void Worker::note_ramped() noexcept {
    if (!result_.ramped && !stopping_ && connections_.connector().not_tried() == 0) {
        result_.ramped = Clock::now();
        status_.note_ramped();
    }
}

// With a number of messages, the measured part is over when all are answered. What follows is how
// connections end, for which --drain is the limit.
void Worker::note_answered(TimePoint now) noexcept {
    if (!meter_.begun() || meter_.ended() || !connections_.pacer().done()) {
        return;
    }
    meter_.end(now);
    if (plan_.drain && plan_.messages) {
        connections_.set_drain_limit(now + *plan_.drain);
    }
    status_.note_answered();
}

Duration Worker::time_to_sleep(TimePoint now) const noexcept {
    TimePoint until = std::min(connections_.next(), intervals_.next());
    until = std::min(until, traffic_.next());
    until = std::min(until, warm_up_from());
    until = std::min(until, meter_.begun() ? RunControl::kNever : measure_from_);
    until = std::min(until, stopping_ ? RunControl::kNever : stop_at_);
    const Pacer& pacer = connections_.pacer();
    if (const OpenLoop* const open_loop = pacer.open_loop()) {
        until = std::min(until, open_loop->next(stop_at_, epoll_.granularity(), pacer.exhausted()));
    }
    if (until <= now) {
        return Duration::zero();
    }
    return std::min<Duration>(until - now, std::chrono::hours(1)); // wake() ends it earlier
}

void Worker::publish(TimePoint now) {
    Recovery* const recovery = connections_.recovery();
    intervals_.publish(
        {connections_.tallies(), connections_.open_at(),
         recovery != nullptr ? std::optional(recovery->take_interval(now)) : std::nullopt},
        now);
    status_.signal();
    move_tallies();
}

void Worker::finish(TimePoint now) {
    meter_.end(now);
    if (OpenLoop* const open_loop = connections_.pacer().open_loop()) {
        open_loop->drop_backlog(connections_.tally_of_none());
        result_.last_due = open_loop->last_due();
        result_.sent_in_time = open_loop->sent_in_time();
    }
    connections_.close_all(now);
    if (Recovery* const recovery = connections_.recovery()) {
        result_.outages = recovery->finish(now);
    }
    result_.use = meter_.result();
    result_.peak = connections_.peak();
    result_.not_tried = connections_.connector().not_tried();
    result_.last_measured = connections_.checker().last_measured();
    result_.mismatches = connections_.checker().take_mismatches();
    result_.addresses = connections_.connector().take_uses();
    result_.connections = connections_.uses();
    result_.course = connections_.checker().course();
    add_up();
}

// The counters of the loop begin again.
void Worker::move_tallies() {
    for (std::size_t i = 0; i < sums_.size(); ++i) {
        sums_[i].merge(connections_.tallies()[i]);
        connections_.tallies()[i].clear();
    }
}

std::uint64_t Worker::measured_sent() noexcept {
    std::uint64_t sent = 0;
    for (std::size_t i = 0; i < sums_.size(); ++i) {
        sent += sums_[i].messages.measured_sent + connections_.tallies()[i].messages.measured_sent;
    }
    return sent;
}

void Worker::add_up() {
    if (intervals_.enabled()) {
        publish(Clock::now());
    } else {
        move_tallies();
    }
}

WorkerResult Worker::take_result() {
    for (std::size_t place = 0; place < sums_.size(); ++place) {
        result_.tally.merge(sums_[place]);
        if (place < result_.addresses.size()) {
            result_.addresses[place].tally = std::move(sums_[place]);
        }
    }
    return std::move(result_);
}

void Worker::count_unassigned(TimePoint end) {
    OpenLoop* const open_loop = connections_.pacer().open_loop();
    const TimePoint from = control_.measure_from();
    if (open_loop == nullptr || from == RunControl::kNever) {
        return;
    }
    if (!open_loop->begun()) {
        begin_schedule();
    }
    open_loop->count_unassigned(end, connections_.tally_of_none());
    result_.unassigned = open_loop->unassigned();
    result_.last_due = open_loop->last_due();
    if (result_.unassigned != 0) {
        add_up();
    }
}

} // namespace echoload
