// SPDX-License-Identifier: MIT
#include "client/worker.hpp"

#include <algorithm>
#include <cerrno>

// Each connection is registered once, edge-triggered, for reading and writing; every path out of
// receive() and send() either knows that the kernel will report the next change (EAGAIN, or a short
// read with no end of file behind it), or puts the connection on the ready list, or takes it down.
// What one connection may do in a turn is bounded.

namespace echoload {

using echod::Clock;
using echod::IoResult;

namespace {

constexpr int kReceivesPerTurn = 4;
constexpr int kSendsPerTurn = 4;
constexpr int kSplitSendsPerTurn = 64;
constexpr int kOpensPerTurn = 128;
constexpr std::size_t kReadyPerTurn = 64;
// How long a suspect session waits for bytes that would tell what is wrong.
constexpr Duration kEvidenceWait = std::chrono::milliseconds(100);
constexpr std::uint32_t kInterest = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

constexpr std::uint64_t token_of(std::uint32_t id, std::uint32_t generation) {
    return static_cast<std::uint64_t>(generation) << 32U | id;
}

} // namespace

void Worker::open_due(TimePoint now) {
    while (!retries_.empty() && retries_.front().when <= now) {
        const std::uint32_t id = retries_.front().id;
        retries_.pop_front();
        if (slots_[id].session.connecting()) {
            open(id);
        }
    }
    reopen_due(now);
    for (int i = 0; i < kOpensPerTurn; ++i) {
        const auto id = connects_.take(now);
        if (!id) {
            return;
        }
        ++connecting_;
        open(*id);
    }
}

// The clock is read here and where it succeeds at once: by the turn's time, one of many that are
// opened in it would begin before the others and end with the first.
void Worker::open(std::uint32_t id) {
    Slot& slot = slots_[id];
    ++slot.generation;
    const echod::Endpoint& peer = targets_[slot.target].addresses[slot.address];
    std::optional<echod::Endpoint> source;
    if (plan_.source) { // each target gets all of them
        source = plan_.source->of(slot.session.connection() / targets_.size());
    }
    const TimePoint now = Clock::now();
    const ConnectResult result = slot.session.connect(peer, now, source ? &*source : nullptr);
    switch (result.state) {
    case ConnectState::failed:
        connect_failed(id, result.phase, result.error, now);
        return;
    case ConnectState::busy:
        retries_.push_back({id, now + kConnectRetry});
        deadlines_.arm(id, now + plan_.timeout);
        return;
    case ConnectState::up:
    case ConnectState::pending:
        break;
    }
    const int error = epoll_.add(slot.session.fd(), kInterest, token_of(id, slot.generation));
    if (error != 0) {
        connect_failed(id, Phase::connect, error, now);
    } else if (result.state == ConnectState::up) {
        established(id, Clock::now());
    } else {
        deadlines_.arm(id, now + plan_.timeout);
    }
}

void Worker::connect_failed(std::uint32_t id, Phase phase, int error, TimePoint now) {
    Slot& slot = slots_[id];
    // A name may have several addresses, of which the server listens on some only.
    if (error != ETIMEDOUT && slot.address + 1U < targets_[slot.target].addresses.size()) {
        ++slot.address;
        open(id);
        return;
    }
    --connecting_;
    settle_first_opening(slot);
    ++current_.connections.failed;
    current_.errors.add(phase, error);
    connects_.settled(id);
    slot.session.end(Ending::broken, now, plan_.timeout, current_);
}

void Worker::settle_first_opening(const Slot& slot) noexcept {
    if (slot.replaces) {
        ++current_.connections.replaced;
    } else {
        --ramping_;
    }
}

void Worker::established(std::uint32_t id, TimePoint now) {
    --connecting_;
    ++open_;
    result_.peak = std::max(result_.peak, open_);
    settle_first_opening(slots_[id]);
    ++current_.connections.up;
    const bool measured = in_window(now);
    current_.connections.measured_up += measured ? 1 : 0;
    // Where connections come and go, the rush of the ramp-up is not what is asked about.
    if (measured || plan_.conn_messages == WorkerPlan::kNoEnd) {
        current_.connect.record(now - slots_[id].session.began());
    }
    connects_.up(id, now);
    if (arrivals_) {
        take_turns(id);
    }
    if (arrivals_ || sends_.holds()) {
        connects_.settled(id);
    }
    refill(slots_[id]);
    send(id);
}

void Worker::expire(TimePoint now) {
    deadlines_.expire(now, [this, now](std::uint32_t id) -> std::optional<TimePoint> {
        const Session& session = slots_[id].session;
        std::optional<TimePoint> deadline = session.deadline(plan_.timeout);
        if (deadline && *deadline <= now && session.is_suspect()) { // what came may answer it
            if (!settle(id, now)) {
                return std::nullopt;
            }
            deadline = session.deadline(plan_.timeout);
        }
        if (!deadline || *deadline > now) {
            return deadline;
        }
        if (session.connecting()) {
            connect_failed(id, Phase::connect, ETIMEDOUT, now);
        } else if (session.in_flight() == 0) { // the end of file has not come
            fail(id, Phase::close, ETIMEDOUT, Ending::broken);
        } else {
            fail(id, Phase::timeout, ETIMEDOUT, Ending::timed_out);
        }
        return std::nullopt;
    });
}

void Worker::handle(const epoll_event& event) {
    if (event.data.u64 == kWakeToken) {
        wake_.clear();
        return;
    }
    const auto id = static_cast<std::uint32_t>(event.data.u64);
    Slot& slot = slots_[id];
    if (slot.generation != event.data.u64 >> 32U) {
        return; // of a descriptor that is closed already
    }
    if (slot.session.connecting()) {
        if (const int error = slot.session.finish_connect(); error != 0) {
            connect_failed(id, Phase::connect, error, Clock::now());
            return;
        }
        established(id, Clock::now());
    } else if ((event.events & EPOLLOUT) != 0) {
        send(id); // nothing to send: nothing happens
    }
    slot.hung_up = slot.hung_up || (event.events & echod::kHungUp) != 0;
    if ((event.events & (EPOLLIN | echod::kHungUp)) != 0) {
        receive(id);
    }
}

void Worker::make_ready(std::uint32_t id) {
    if (!slots_[id].ready) {
        slots_[id].ready = true;
        ready_.push_back(id);
    }
}

void Worker::serve_ready() {
    for (std::size_t left = std::min(ready_.size(), kReadyPerTurn); left != 0; --left) {
        const std::uint32_t id = ready_.front();
        ready_.pop_front();
        slots_[id].ready = false;
        if (slots_[id].session.is_up()) {
            refill(slots_[id]);
            send(id);
            receive(id);
        }
    }
}

void Worker::receive(std::uint32_t id) {
    Slot& slot = slots_[id];
    for (int i = 0; i < kReceivesPerTurn; ++i) {
        if (!slot.session.is_up()) {
            return;
        }
        const IoResult result = slot.session.receive(receive_buffer_);
        if (result.would_block()) {
            return;
        }
        if (result.error != 0) {
            fail(id, Phase::read, result.error, Ending::broken);
            return;
        }
        if (result.bytes == 0) {
            closed_by_peer(id);
            return;
        }
        if (!take_bytes(id, std::span(receive_buffer_).first(result.bytes))) {
            return;
        }
        // A short read means that the kernel has no more (epoll(7)), unless an end waits behind.
        if (result.bytes < receive_buffer_.size() && !slot.hung_up) {
            return;
        }
    }
    make_ready(id);
}

// By the orders as they are now, not as they were when the turn began: the rate is what came in the
// window, by its length. Each time that is two loads of what is hardly ever written.
bool Worker::in_window(TimePoint now) const noexcept {
    return now >= orders_.measure_from() && now <= orders_.stop_at();
}

ReceiveTime Worker::receive_time() const noexcept {
    const TimePoint now = Clock::now();
    return {now, in_window(now)};
}

bool Worker::take_bytes(std::uint32_t id, std::span<const std::byte> bytes) {
    Slot& slot = slots_[id];
    Session& session = slot.session;
    const ReceiveTime time = receive_time();
    const std::uint64_t echoed = session.echoed();
    const auto verify = [&] {
        return session.verify(verifier_, bytes, time, current_, result_.mismatches);
    };
    if (!look(id, time.now, verify)) {
        return false;
    }
    if (echoed == 0 && session.echoed() != 0) {
        connects_.settled(id);
    }
    if (plain_) [[likely]] {
        refill(slot);
        send(id);
        return true;
    }
    think(id, session.echoed() - echoed, time.now);
    refill(slot);
    send(id);
    after_echo(id);
    return true;
}

// Lets the session look at its bytes and draws the consequences. False where it was taken down.
template <class Look>
bool Worker::look(std::uint32_t id, TimePoint now, Look look_at) {
    Session& session = slots_[id].session;
    const std::uint64_t outstanding = session.outstanding();
    const std::uint64_t in_window = current_.messages.in_window;
    const std::uint64_t mismatches = current_.mismatches;
    const std::optional<TimePoint> suspect_before = session.suspect_since();
    const Health health = look_at();
    outstanding_ -= outstanding - session.outstanding();
    if (current_.messages.in_window != in_window) {
        result_.last_measured = now;
    }
    if (current_.mismatches != mismatches && !plan_.goes_on) {
        abandoned_ = true;
        found_wrong_.store(true, std::memory_order_release);
        notice_.signal();
    }
    if (health == Health::broken) {
        ++current_.connections.closed_early;
        take_down(id, Ending::broken, now);
        return false;
    }
    if (const auto since = session.suspect_since(); since && since != suspect_before) {
        suspects_.push_back({id, *since + kEvidenceWait});
    }
    return true;
}

// Of suspicions that bytes have resolved meanwhile, the time goes by here and nothing is to be
// done, also where there is a younger one.
void Worker::settle_suspects(TimePoint now) {
    while (!suspects_.empty() && suspects_.front().when <= now) {
        const Retry due = suspects_.front();
        suspects_.pop_front();
        const std::optional<TimePoint> since = slots_[due.id].session.suspect_since();
        if (since && *since + kEvidenceWait == due.when) {
            (void)settle(due.id, now);
        }
    }
}

// No more bytes are waited for that would tell what is wrong. False where it was taken down.
bool Worker::settle(std::uint32_t id, TimePoint now) {
    const auto settle = [&] {
        return slots_[id].session.settle(verifier_, receive_time(), current_, result_.mismatches);
    };
    if (!look(id, now, settle)) {
        return false;
    }
    make_ready(id); // it has waited with what it had to send
    return true;
}

void Worker::refill(Slot& slot) {
    if (!plain_) [[unlikely]] {
        refill_specially(slot);
        return;
    }
    grant(slot, slot.session.outstanding());
}

void Worker::refill_specially(Slot& slot) {
    if (arrivals_) {
        grant_due(slot.session);
        return;
    }
    if (slot.session.half_closed()) {
        return;
    }
    // As if those were taken that are not to be granted.
    std::uint64_t outstanding = slot.session.outstanding() + slot.thinking;
    if (plan_.coalesce > 1) { // no whole send call
        outstanding += (plan_.pipeline - outstanding) % plan_.coalesce;
    }
    if (plan_.conn_messages != WorkerPlan::kNoEnd) { // no more than those
        const std::uint64_t room =
            std::min<std::uint64_t>(plan_.conn_messages - slot.session.granted(), plan_.pipeline);
        outstanding = std::max(outstanding, plan_.pipeline - room);
    }
    grant(slot, outstanding);
}

void Worker::grant(Slot& slot, std::uint64_t outstanding) {
    const Grant grant = sends_.grant(outstanding);
    slot.session.queue(grant.count, grant.measured);
    outstanding_ += grant.count;
}

void Worker::send(std::uint32_t id) {
    Session& session = slots_[id].session;
    const int calls = plan_.split == Split::none ? kSendsPerTurn : kSplitSendsPerTurn;
    for (int i = 0; i < calls; ++i) {
        if (!session.is_up() || !session.wants_to_send()) {
            if (plan_.close == Close::half) [[unlikely]] {
                half_close_if_done(id);
            }
            return;
        }
        auto composed = session.compose(generator_, send_room_);
        if (cuts_sends_) [[unlikely]] {
            composed = session.cut(generator_, plan_.split, plan_.coalesce, composed);
        }
        const TimePoint now = Clock::now();
        const IoResult result = session.send(generator_, composed, now, current_);
        if (result.would_block()) {
            return;
        }
        if (result.error != 0) {
            fail(id, Phase::write, result.error, Ending::broken);
            return;
        }
        deadlines_.arm(id, now + plan_.timeout);
        if (result.bytes < composed.size()) {
            return; // the send buffer is full: EPOLLOUT comes when there is room
        }
    }
    make_ready(id);
}

void Worker::closed_by_peer(std::uint32_t id) {
    Session& session = slots_[id].session;
    const ReceiveTime time = receive_time();
    (void)look(id, time.now, [&] {
        session.end_of_file(verifier_, time, current_, result_.mismatches);
        return Health::sound; // it ends in any case
    });
    if (session.half_closed() && session.outstanding() == 0) {
        current_.connections.drained += session.all_right() ? 1U : 0U;
        retire(id, time.now);
    } else if (sends_.exhausted() && session.outstanding() == 0 && session.waiting() == 0) {
        take_down(id, Ending::broken, time.now); // it had nothing left to do
    } else {
        fail(id, Phase::close, kEndOfFile, Ending::broken);
    }
}

// Before a close(2) of ours, which would throw away unread what came behind the last echo. False
// where the session was taken down.
bool Worker::last_look(std::uint32_t id) {
    Session& session = slots_[id].session;
    if (!session.is_up() || session.half_closed()) {
        return true;
    }
    const IoResult result = session.receive(receive_buffer_);
    if (result.error != 0 || result.bytes == 0) {
        return true;
    }
    const ReceiveTime time = receive_time();
    return look(id, time.now, [&] {
        return session.verify(verifier_, std::span(receive_buffer_).first(result.bytes), time,
                              current_, result_.mismatches);
    });
}

void Worker::fail(std::uint32_t id, Phase phase, int error, Ending ending) {
    current_.errors.add(phase, error);
    ++current_.connections.closed_early;
    take_down(id, ending, Clock::now());
}

void Worker::take_down(std::uint32_t id, Ending ending, TimePoint now) {
    Session& session = slots_[id].session;
    if (session.is_suspect()) {
        (void)look(id, now, [&] {
            (void)session.settle(verifier_, receive_time(), current_, result_.mismatches);
            return Health::sound; // it ends in any case
        });
    }
    if (!arrivals_) {
        hand_on(id);
    }
    outstanding_ -= session.outstanding();
    waiting_ -= session.waiting();
    --open_;
    connects_.settled(id);
    session.end(ending, now, plan_.timeout, current_);
}

// Of a number of messages, those that a connection had and did not begin are for the others to
// send. Where there had been nothing left for them they wait for no echo that would make them look.
void Worker::hand_on(std::uint32_t id) {
    Session& session = slots_[id].session;
    const bool was_exhausted = sends_.exhausted();
    sends_.give_back(session.measured_unbegun());
    outstanding_ -= session.unqueue();
    if (!was_exhausted || sends_.exhausted()) {
        return;
    }
    for (std::uint32_t other = 0; other < slots_.size(); ++other) {
        const Session& heir = slots_[other].session;
        if (other != id && heir.is_up() && !heir.half_closed()) {
            make_ready(other);
            ending_ = false;
            drain_until_ = Orders::kNever;
        }
    }
}

} // namespace echoload
