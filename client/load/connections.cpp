// SPDX-License-Identifier: MIT
#include "client/load/connections.hpp"

#include "base/clock.hpp"
#include "net/socket.hpp"

#include <cerrno>

namespace echoload {

using echod::Clock;
using echod::IoResult;

namespace {

constexpr std::size_t kReceiveBuffer = 64 * 1024;

// Messages of another connection before those in flight in which foreign bytes are searched.
constexpr std::uint64_t kEchoedBefore = 16;

} // namespace

Connections::Connections(const WorkerPlan& plan, const Generator& generator,
                         const std::vector<Target>& targets, const RunControl& control,
                         LoopStatus& status, echod::Epoll& epoll, TimePoint start)
    : plan_(plan), generator_(generator), targets_(targets.size()),
      connector_(epoll, targets, plan.source,
                 ConnectSchedule(plan.connections, plan.connect_rate, start, plan.connect_places),
                 plan.connections),
      pacer_(plan),
      recovery_(plan.reconnect ? std::make_unique<Recovery>(plan, targets, start) : nullptr),
      tallies_(connector_.places() + 1),
      checker_({generator, plan.verify, plan.continue_on_mismatch,
                [this](std::uint32_t index) { return neighbour(index); }},
               control, status),
      next_connection_(plan.next_connection), deadlines_(plan.connections, plan.timeout, start),
      receive_buffer_(kReceiveBuffer), open_at_(connector_.places()) {
    static_assert(sizeof(Slot) <= 192, "10,000 connections take 1.9 MB of memory");
    slots_.reserve(plan.connections);
    ports_.assign(plan.connections, -1);
    for (std::uint32_t id = 0; id < plan.connections; ++id) {
        const std::uint64_t connection = plan.first_connection + id;
        slots_.push_back({Session(connection, generator.stream(connection))});
        connector_.assign(id, connection % targets_, source_of(slots_.back().session));
        slots_.back().place = connector_.place_of(id);
    }
}

// Each target gets connections from all source addresses.
std::uint64_t Connections::source_of(const Session& session) const noexcept {
    return session.connection() / targets_;
}

void Connections::make_ready(std::uint32_t id) {
    if (!slots_[id].ready) {
        slots_[id].ready = true;
        ready_.push_back(id);
    }
}

void Connections::note_up(std::uint32_t id, TimePoint now) {
    ++open_;
    peak_ = std::max(peak_, open_);
    Tally& tally = begin_counting(id);
    ++open_at_[slots_[id].place];
    ++tally.connections.up;
    const bool measured = checker_.in_window(now);
    tally.connections.measured_up += measured ? 1 : 0;
    // Where connections are replaced, the ramp-up does not count for the time to connect.
    if (measured || plan_.conn_messages == WorkerPlan::kNoEnd) {
        tally.connect.record(now - slots_[id].session.began());
    }
    if (recovery_) {
        recovery_->up(id, now);
    } else if (plan_.conn_messages == WorkerPlan::kNoEnd) {
        ports_[id] = echod::local_endpoint(slots_[id].session.fd()).port();
    }
}

void Connections::connect_failed(std::uint32_t id, Phase phase, int error, TimePoint now) {
    Tally& tally = begin_counting(id);
    ++tally.connections.failed;
    tally.errors.add(phase, error);
    slots_[id].session.end(Ending::broken, now, plan_.timeout, tally);
    recover(id, 0, ErrorCount{phase, error, 1}, now);
}

// From now on the connection counts for the address that answered, or was tried last.
Tally& Connections::begin_counting(std::uint32_t id) noexcept {
    slots_[id].place = connector_.place_of(id);
    Tally& tally = tally_of(id);
    tally.connections.replaced += connector_.is_replacement(id) ? 1U : 0U;
    return tally;
}

void Connections::expire(TimePoint now) {
    deadlines_.expire(now, [this, now](std::uint32_t id) { return expire_one(id, now); });
    checker_.settle_due(
        now, [this](std::uint32_t id) -> const Session& { return slots_[id].session; },
        [this, now](std::uint32_t id) { (void)settle(id, now); });
}

// The deadline of the connection if it is still ahead.
std::optional<TimePoint> Connections::expire_one(std::uint32_t id, TimePoint now) {
    const Session& session = slots_[id].session;
    std::optional<TimePoint> deadline = session.deadline(plan_.timeout);
    if (deadline && *deadline <= now && session.is_undecided()) { // what came may answer it
        if (!settle(id, now)) {
            return std::nullopt;
        }
        deadline = session.deadline(plan_.timeout);
    }
    if (!deadline || *deadline > now) {
        return deadline;
    }
    if (session.connecting()) {
        connector_.fail(id);
        connect_failed(id, Phase::connect, ETIMEDOUT, now);
    } else if (session.in_flight() == 0) { // the end of file has not come
        fail(id, Phase::close, ETIMEDOUT, Ending::broken);
    } else {
        fail(id, Phase::timeout, ETIMEDOUT, Ending::timed_out);
    }
    return std::nullopt;
}

// False where the session was ended.
bool Connections::settle(std::uint32_t id, TimePoint now) {
    Session& session = slots_[id].session;
    const std::uint64_t outstanding = session.outstanding();
    const VerifyState state =
        checker_.settle(id, session, checker_.time_of(Clock::now()), tally_of(id));
    if (!follow(id, state, outstanding, now)) {
        return false;
    }
    make_ready(id); // while undecided, it has sent nothing
    return true;
}

// Reads once before close(2), which would discard bytes behind the last echo unread. False where
// the session was ended.
bool Connections::read_rest(std::uint32_t id) {
    Session& session = slots_[id].session;
    if (!session.is_up() || session.half_closed()) {
        return true;
    }
    const IoResult result = session.receive(receive_buffer_);
    if (result.error != 0 || result.bytes == 0) {
        return true;
    }
    const ReceiveTime time = checker_.time_of(Clock::now());
    const std::uint64_t outstanding = session.outstanding();
    const auto bytes = std::span(receive_buffer_).first(result.bytes);
    return follow(id, checker_.verify(id, session, bytes, time, tally_of(id)), outstanding,
                  time.now);
}

// With --close half, the connection is half-closed as soon as all is sent.
void Connections::half_close_if_done(std::uint32_t id) {
    Session& session = slots_[id].session;
    if (!session.is_up() || session.is_undecided() || session.half_closed() ||
        session.wants_to_send() || session.waiting() != 0 ||
        (!ending_ && session.granted() != plan_.conn_messages)) {
        return;
    }
    const TimePoint now = Clock::now();
    if (const int error = session.half_close(now); error != 0) {
        fail(id, Phase::close, error, Ending::broken);
        return;
    }
    deadlines_.arm(id, now + plan_.timeout);
}

void Connections::closed_by_peer(std::uint32_t id) {
    Session& session = slots_[id].session;
    const ReceiveTime time = checker_.time_of(Clock::now());
    const std::uint64_t outstanding = session.outstanding();
    if (!recovery_ || session.half_closed()) { // a process that is killed may stop in an echo
        checker_.end_of_file(id, session, time, tally_of(id));
    }
    (void)follow(id, VerifyState::ok, outstanding, time.now); // it ends in any case
    if (session.half_closed() && session.outstanding() == 0) {
        tally_of(id).connections.drained += session.all_right() ? 1U : 0U;
        retire(id, time.now);
    } else if (pacer_.exhausted() && session.outstanding() == 0 && session.waiting() == 0) {
        (void)take_down(id, Ending::broken, time.now); // it had nothing left to do
    } else {
        fail(id, Phase::close, kEndOfFile, Ending::broken);
    }
}

// The connection has carried all its messages: it is closed, and replaced where more are to come.
void Connections::retire(std::uint32_t id, TimePoint now) {
    if (!read_rest(id)) {
        return;
    }
    Slot& slot = slots_[id];
    if (plan_.close == Close::reset) {
        echod::set_abort_on_close(slot.session.fd());
    }
    const bool served = slot.session.first_due() == plan_.conn_messages;
    (void)take_down(id, Ending::broken, now);
    if (served && !pacer_.all_dispatched()) {
        renew(id);
        connector_.queue_replacement(id);
    }
}

// The connection becomes another one, which is to be opened.
void Connections::renew(std::uint32_t id) {
    Slot& slot = slots_[id];
    slot.session = Session(next_connection_, generator_.stream(next_connection_));
    next_connection_ += plan_.connection_stride;
    slot.hung_up = false;
    slot.thinking = 0;
    connector_.replace(id, source_of(slot.session));
}

// The connection was lost or refused: it is opened again while there is something to send.
void Connections::recover(std::uint32_t id, std::uint64_t messages,
                          const std::optional<ErrorCount>& error, TimePoint now) {
    if (!recovery_) {
        return;
    }
    recovery_->lost(id, connector_.target_of(id), messages, error, now);
    if (recovery_->may_retry(now) && !pacer_.all_dispatched()) {
        renew(id);
        recovery_->retry(id, now);
    }
}

void Connections::take_reopened(TimePoint now) {
    while (const auto id = recovery_->take(now)) {
        connector_.queue_replacement(*id);
    }
    recovery_->note_idle(now, [this](std::uint32_t id) {
        const Session& session = slots_[id].session;
        const bool idle = session.is_up() && session.outstanding() + session.waiting() == 0;
        return idle ? std::optional<std::size_t>(connector_.target_of(id)) : std::nullopt;
    });
    if (recovery_->expire(now)) {
        connector_.drop_queued();
    }
}

void Connections::fail(std::uint32_t id, Phase phase, int error, Ending ending) {
    tally_of(id).errors.add(phase, error);
    ++tally_of(id).connections.closed_early;
    const TimePoint now = Clock::now();
    const std::uint64_t messages = take_down(id, ending, now);
    recover(id, messages, ErrorCount{phase, error, 1}, now);
}

void Connections::end_failed(std::uint32_t id, TimePoint now) {
    ++tally_of(id).connections.closed_early;
    recover(id, take_down(id, Ending::broken, now), std::nullopt, now);
}

// The number of messages that were lost with it.
std::uint64_t Connections::take_down(std::uint32_t id, Ending ending, TimePoint now) {
    Session& session = slots_[id].session;
    if (session.is_undecided()) {
        const std::uint64_t outstanding = session.outstanding();
        (void)checker_.settle(id, session, checker_.time_of(Clock::now()), tally_of(id));
        (void)follow(id, VerifyState::ok, outstanding, now); // it ends in any case
    }
    if (pacer_.open_loop() == nullptr) {
        redistribute_unsent(id);
    } else if (recovery_ && recovery_->may_retry(now)) {
        pacer_.put_back(session);
    }
    pacer_.forget(session);
    connector_.count_echoed(id, session.echoed());
    --open_;
    --open_at_[slots_[id].place];
    connector_.settled(id);
    const MessageCounts& counts = tally_of(id).messages;
    const std::uint64_t before = counts.lost + counts.timed_out;
    session.end(ending, now, plan_.timeout, tally_of(id));
    return counts.lost + counts.timed_out - before;
}

// Of a number of messages, those that a connection has not begun are for the others to send. Where
// nothing was left for these, they wait for no echo and have to be made ready.
void Connections::redistribute_unsent(std::uint32_t id) {
    if (!pacer_.give_back(slots_[id].session)) {
        return;
    }
    for (std::uint32_t other = 0; other < slots_.size(); ++other) {
        const Session& candidate = slots_[other].session;
        if (other != id && candidate.is_up() && !candidate.half_closed()) {
            make_ready(other);
            ending_ = false;
            drain_until_ = RunControl::kNever;
        }
    }
}

void Connections::stop(TimePoint now) {
    pacer_.stop();
    connector_.stop();
    for (std::uint32_t id = 0; id < slots_.size(); ++id) {
        Session& session = slots_[id].session;
        if (session.connecting() && !pacer_.has_backlog()) {
            session.end(Ending::run_over, now, plan_.timeout, tally_of(id));
            connector_.cancel(id);
        } else if (pacer_.open_loop() == nullptr) { // what an open loop dispatched was due
            pacer_.unqueue(session);
        }
    }
    if (!pacer_.has_backlog()) {
        connector_.drop_queued();
    }
    if (recovery_) { // what is due and could not be sent yet gets the time of the last echoes
        recovery_->stop_at(pacer_.has_backlog() ? now + plan_.drain.value_or(plan_.timeout) : now);
    }
}

void Connections::begin_to_end() {
    ending_ = true;
    for (std::uint32_t id = 0; plan_.close == Close::half && id < slots_.size(); ++id) {
        half_close_if_done(id);
    }
}

void Connections::give_up() {
    if (recovery_) {
        recovery_->stop_at(TimePoint::min());
    }
    for (std::uint32_t id = 0; id < slots_.size(); ++id) {
        const Session& session = slots_[id].session;
        if (!session.is_up()) {
            continue;
        }
        if (session.outstanding() + session.waiting() != 0) {
            fail(id, Phase::timeout, ETIMEDOUT, Ending::given_up);
        } else if (session.half_closed()) { // the end of file has not come
            fail(id, Phase::close, ETIMEDOUT, Ending::broken);
        }
    }
    abandoned_ = true;
}

void Connections::close_all(TimePoint now) {
    if (recovery_) {
        recovery_->stop_at(TimePoint::min());
    }
    for (std::uint32_t id = 0; id < slots_.size(); ++id) {
        Session& session = slots_[id].session;
        (void)read_rest(id);
        if (plan_.close == Close::reset && session.is_up()) {
            echod::set_abort_on_close(session.fd());
        }
        (void)checker_.settle(id, session, checker_.time_of(Clock::now()), tally_of(id));
        if (session.is_up()) {
            connector_.count_echoed(id, session.echoed());
        }
        session.end(Ending::run_over, now, plan_.timeout, tally_of(id));
    }
}

std::vector<ConnectionUse> Connections::uses() const {
    std::vector<ConnectionUse> uses;
    for (std::uint32_t id = 0; id < slots_.size(); ++id) {
        if (ports_[id] >= 0) {
            const Session& session = slots_[id].session;
            uses.push_back({session.connection(), static_cast<std::uint16_t>(ports_[id]),
                            session.latencies(), session.latency_sum()});
        }
    }
    return uses;
}

// The messages of a connection whose bytes may have got into another stream: those in flight, and
// some before them.
std::optional<Neighbour> Connections::neighbour(std::uint32_t index) const {
    if (index >= slots_.size()) {
        return std::nullopt;
    }
    const Session& session = slots_[index].session;
    const std::uint64_t due = session.first_due();
    return Neighbour{session.connection(), session.stream(), due - std::min(due, kEchoedBefore),
                     session.first_unsent()};
}

} // namespace echoload
