// SPDX-License-Identifier: MIT
#include "client/worker.hpp"

#include "base/sys_error.hpp"
#include "net/socket.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <array>

// A turn of the loop: orders, connections that are due, those that have more to do than one turn
// gave them, timeouts, then sleep until the next of these or an event. What a connection does in
// its turn is in worker_traffic.cpp.

namespace echoload {

using echod::Clock;

namespace {

constexpr std::size_t kReceiveBuffer = 64 * 1024;
constexpr std::size_t kSendBuffer = 64 * 1024;
constexpr std::size_t kEventsPerTurn = 512;
constexpr std::size_t kEventsBetweenDues = 32; // some 50 us: so much later may a message be sent

// A look that takes longer was interrupted: another thread had the processor meanwhile.
constexpr Duration kLongestPoll = std::chrono::microseconds(50);

// What the calling thread has used of a processor.
LoopUse processor_time() noexcept {
    rusage usage{};
    ::getrusage(RUSAGE_THREAD, &usage);
    const auto duration = [](const timeval& time) {
        return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
    };
    LoopUse use;
    use.user = duration(usage.ru_utime);
    use.system = duration(usage.ru_stime);
    return use;
}

// Messages of another connection before those in flight that are looked for.
constexpr std::uint64_t kEchoedBefore = 16;

} // namespace

Worker::Worker(const WorkerPlan& plan, const Generator& generator,
               const std::vector<Target>& targets, const Orders& orders, echod::EventFd& notice,
               TimePoint start)
    : plan_(plan), plain_(!plan.arrivals && plan.coalesce == 1 && plan.think == Duration::zero() &&
                          plan.conn_messages == WorkerPlan::kNoEnd && plan.close != Close::half),
      generator_(generator), verifier_{generator, plan.verify, plan.goes_on,
                                       [this](std::uint32_t index) { return neighbour(index); }},
      targets_(targets), orders_(orders), notice_(notice),
      connects_(plan.connections, plan.connect_rate, start, plan.connect_places),
      sends_(plan.pipeline, plan.messages, plan.hold), arrivals_(plan.arrivals),
      next_connection_(plan.next_connection), deadlines_(plan.connections, plan.timeout, start),
      receive_buffer_(kReceiveBuffer),
      send_buffer_(std::max(kSendBuffer, plan.coalesce * echod::kMaxMessage)),
      send_room_(send_buffer_), cuts_sends_(plan.coalesce > 1 || plan.split != Split::none),
      ramping_(plan.connections) {
    static_assert(sizeof(Slot) <= 192, "10,000 connections are 1.9 MB of our memory");
    slots_.reserve(plan.connections);
    for (std::uint32_t id = 0; id < plan.connections; ++id) {
        const std::uint64_t connection = plan.first_connection + id;
        slots_.push_back({Session(connection, generator.stream(connection))});
        slots_.back().target = static_cast<std::uint16_t>(connection % targets.size());
    }
    if (plan.split != Split::none) {
        send_room_ = send_room_.first(2 * echod::kMaxMessage); // enough to cut across a border
    }
    if (plan.interval) {
        next_interval_ = start + *plan.interval;
    }
    if (const int error = epoll_.add(wake_.fd(), EPOLLIN | EPOLLET, kWakeToken); error != 0) {
        echod::throw_errno(error, "epoll_ctl");
    }
}

void Worker::run() {
    std::array<epoll_event, kEventsPerTurn> storage;
    const auto events = std::span(storage).first(arrivals_ ? kEventsBetweenDues : kEventsPerTurn);
    while (!finished()) {
        const TimePoint now = Clock::now();
        note_turn(now);
        obey(now);
        open_due(now);
        end_thoughts(now);
        serve_ready();
        expire(now);
        settle_suspects(now);
        note_ramp(now);
        if (!ending_ && sends_.exhausted() && backlog_.empty()) {
            begin_to_end();
        }
        note_answered(now);
        if (now >= drain_until_) {
            give_up();
        }
        if (now >= next_interval_) {
            hand_over_interval(now);
        }
        if (finished()) {
            break;
        }
        const Duration sleep = time_to_sleep(now);
        const int count = epoll_.wait(events, sleep);
        if (count < 0) {
            echod::throw_errno(-count, "epoll_wait");
        }
        woke_ = count == 0 ? Orders::kNever : Clock::now();
        const bool idle = count == 0 && sleep == Duration::zero() && ready_.empty();
        polling_since_ = arrivals_ && idle && !dealt_something_ ? now : Orders::kNever;
        for (int i = 0; i < count; ++i) {
            handle(events[static_cast<std::size_t>(i)]);
        }
    }
    finish(Clock::now());
}

bool Worker::finished() const noexcept {
    if (abandoned_) {
        return true;
    }
    if (!connects_.finished() || connecting_ != 0 || !reopen_.empty()) {
        return false;
    }
    return open_ == 0 ||
           (plan_.close != Close::half && sends_.exhausted() && outstanding_ == 0 && waiting_ == 0);
}

void Worker::obey(TimePoint now) {
    measure_from_ = orders_.measure_from();
    stop_at_ = orders_.stop_at();
    abandoned_ = abandoned_ || orders_.abandoned();
    if (!measuring_ && now >= measure_from_) {
        begin_measuring(now);
    }
    if (arrivals_ && measure_from_ != Orders::kNever) {
        if (!arrivals_->begun()) {
            begin_schedule();
        }
        deal(now);
    }
    if (!stopping_ && now >= stop_at_) {
        stop_sending(now);
    }
}

// What comes while a turn is under way waits for the next one: the time that a turn takes is what
// the loop itself may add to a latency.
void Worker::note_turn(TimePoint now) noexcept {
    if (woke_ != Orders::kNever && measuring_) {
        use_.longest_turn = std::max(use_.longest_turn, now - woke_);
        use_.turns_total += now - woke_;
        ++use_.turns;
    }
    if (polling_since_ != Orders::kNever && measuring_) {
        use_.polled += std::min(now - polling_since_, kLongestPoll);
    }
    dealt_something_ = false;
}

// By a number of messages, the measured part is over when nothing is waited for any more; what
// follows is how connections end, and --drain is for that.
void Worker::note_answered(TimePoint now) noexcept {
    if (measuring_ && !result_.use && sends_.exhausted() && outstanding_ == 0 && waiting_ == 0 &&
        backlog_.empty()) {
        end_measuring(now);
        if (plan_.drain && plan_.messages) {
            drain_until_ = now + *plan_.drain;
        }
        answered_.store(true, std::memory_order_release);
        notice_.signal();
    }
}

void Worker::begin_measuring(TimePoint now) {
    measuring_ = true;
    measuring_since_ = now;
    use_ = processor_time();
    const bool held = sends_.holds();
    sends_.measure();
    for (std::uint32_t id = 0; held && id < slots_.size(); ++id) {
        make_ready(id);
    }
}

void Worker::end_measuring(TimePoint now) noexcept {
    if (measuring_ && !result_.use) {
        const LoopUse until = processor_time();
        result_.use = use_;
        result_.use->user = until.user - use_.user;
        result_.use->system = until.system - use_.system;
        result_.use->wall = now - measuring_since_;
    }
}

void Worker::stop_sending(TimePoint now) {
    stopping_ = true;
    drain_until_ = plan_.drain ? stop_at_ + *plan_.drain : Orders::kNever;
    end_measuring(now);
    sends_.stop();
    connects_.stop();
    for (Slot& slot : slots_) {
        if (slot.session.connecting() && backlog_.empty()) {
            slot.session.end(Ending::run_over, now, plan_.timeout, current_);
            --connecting_;
            result_.not_tried += slot.replaces ? 0 : 1;
        } else if (!arrivals_) { // what an open loop has dealt was due, and is sent
            outstanding_ -= slot.session.unqueue();
        }
    }
    if (backlog_.empty()) {
        retries_.clear();
        reopen_.clear();
    }
}

Duration Worker::time_to_sleep(TimePoint now) const noexcept {
    if (!ready_.empty()) {
        return Duration::zero();
    }
    TimePoint until = next_interval_;
    until = std::min(until, connects_.next().value_or(Orders::kNever));
    if (!reopen_.empty()) {
        until = std::min(until, connects_.next_again().value_or(Orders::kNever));
    }
    until = std::min(until, deadlines_.next().value_or(Orders::kNever));
    until = std::min(until, retries_.empty() ? Orders::kNever : retries_.front().when);
    until = std::min(until, suspects_.empty() ? Orders::kNever : suspects_.front().when);
    until = std::min(until, thoughts_.empty() ? Orders::kNever : thoughts_.front().until);
    until = std::min(until, measuring_ ? Orders::kNever : measure_from_);
    until = std::min(until, stopping_ ? Orders::kNever : stop_at_);
    until = std::min(until, drain_until_);
    until = std::min(until, arrivals_ ? wake_for_schedule() : Orders::kNever);
    if (until <= now) {
        return Duration::zero();
    }
    return std::min<Duration>(until - now, std::chrono::hours(1)); // Orders wake the loop
}

void Worker::note_ramp(TimePoint now) noexcept {
    if (!result_.ramped && !stopping_ && ramping_ == 0) {
        result_.ramped = now;
        ramped_.store(true, std::memory_order_release);
        notice_.signal();
    }
}

void Worker::hand_over_interval(TimePoint now) {
    {
        const std::lock_guard lock(interval_mutex_);
        interval_.tally.merge(current_);
        interval_.open = open_;
        has_interval_ = true;
    }
    notice_.signal();
    result_.tally.merge(current_);
    current_.clear();
    while (next_interval_ <= now) { // the grid stays where it is, also after a stall
        next_interval_ += *plan_.interval;
    }
}

std::optional<WorkerInterval> Worker::take_interval() {
    const std::lock_guard lock(interval_mutex_);
    if (!has_interval_) {
        return std::nullopt;
    }
    has_interval_ = false;
    std::optional<WorkerInterval> taken(interval_);
    interval_.tally.clear();
    return taken;
}

// The messages of a connection whose bytes may have got into another's stream: those in flight,
// and some before them.
std::optional<Neighbour> Worker::neighbour(std::uint32_t index) const {
    if (index >= slots_.size()) {
        return std::nullopt;
    }
    const Session& session = slots_[index].session;
    const std::uint64_t due = session.first_due();
    return Neighbour{session.connection(), session.stream(), due - std::min(due, kEchoedBefore),
                     session.first_unsent()};
}

void Worker::finish(TimePoint now) {
    end_measuring(now);
    drop_backlog(abandoned_ || stop_at_ == Orders::kNever ? now : std::max(now, stop_at_));
    for (std::uint32_t id = 0; id < slots_.size(); ++id) {
        Slot& slot = slots_[id];
        (void)last_look(id);
        if (slot.session.connecting() && !slot.replaces) {
            ++result_.not_tried;
        }
        if (plan_.close == Close::reset && slot.session.is_up()) {
            echod::set_abort_on_close(slot.session.fd());
        }
        (void)slot.session.settle(verifier_, receive_time(), current_, result_.mismatches);
        slot.session.end(Ending::run_over, now, plan_.timeout, current_);
    }
    result_.not_tried += plan_.connections - connects_.taken();
    add_up();
}

void Worker::add_up() {
    if (plan_.interval) {
        hand_over_interval(Clock::now());
    } else {
        result_.tally.merge(current_);
        current_.clear();
    }
}

} // namespace echoload
