// SPDX-License-Identifier: MIT
#include "client/load/traffic.hpp"

#include "base/clock.hpp"
#include "net/socket.hpp"

#include <algorithm>

// Each connection is registered once, edge-triggered, for reading and writing. Every path out of
// receive() and send() leaves it in one of three states: the kernel will report the next change
// (after EAGAIN, or a short read without an end of file behind it), it is in the ready queue, or it
// is closed. What one connection may do in an iteration is bounded.

namespace echoload {

using echod::Clock;
using echod::IoResult;

namespace {

constexpr std::size_t kSendBuffer = 64 * 1024;
constexpr int kReceivesPerTurn = 4;
constexpr int kSendsPerTurn = 4;
constexpr int kSplitSendsPerTurn = 64;

} // namespace

Traffic::Traffic(const WorkerPlan& plan, const Generator& generator, Connections& connections)
    : plan_(plan), generator_(generator), connections_(connections),
      plain_(connections.pacer().is_plain()), think_timers_(plan.think),
      send_buffer_(std::max(kSendBuffer, plan.coalesce * echod::kMaxMessage)),
      send_room_(send_buffer_), cuts_sends_(plan.coalesce > 1 || plan.split != Split::none) {
    if (plan.split != Split::none) {
        send_room_ = send_room_.first(2 * echod::kMaxMessage); // enough to cut across a border
    }
}

void Traffic::run_due(TimePoint now) {
    connections_.reopen_due(now);
    connections_.connector().open_due(now, [this](std::uint32_t id) { open(id); });
    if (think_timers_.enabled()) {
        expire_think_timers(now);
    }
    connections_.serve_ready([this](std::uint32_t id) {
        refill(connections_[id]);
        send(id);
        receive(id);
    });
    connections_.expire(now);
}

// The clock is read here: with the time of the iteration, each of many connections that are opened
// in it would seem to begin before the others.
void Traffic::open(std::uint32_t id) {
    const TimePoint now = Clock::now();
    connections_.note_opening(id, now);
    opened(id, connections_.connector().open(id, connections_[id].session, now), now);
}

void Traffic::opened(std::uint32_t id, const ConnectResult& result, TimePoint now) {
    switch (result.state) {
    case ConnectState::failed:
        connections_.connect_failed(id, result.phase, result.error, now);
        break;
    case ConnectState::up:
        established(id, Clock::now());
        break;
    case ConnectState::busy:
    case ConnectState::pending:
        connections_.arm(id, now);
        break;
    }
}

void Traffic::established(std::uint32_t id, TimePoint now) {
    connections_.note_up(id, now);
    OpenLoop* const open_loop = connections_.pacer().open_loop();
    if (open_loop != nullptr) {
        open_loop->add_connection(id);
    }
    if (open_loop != nullptr || connections_.pacer().holds()) {
        connections_.connector().settled(id);
    }
    refill(connections_[id]);
    send(id);
}

void Traffic::dispatch(TimePoint now, TimePoint stop_at) {
    OpenLoop& open_loop = *connections_.pacer().open_loop();
    open_loop.dispatch(
        now, stop_at, connections_.pacer().outstanding(), connections_.tally_of_none(),
        [this](std::uint32_t id) {
            const Session& session = connections_[id].session;
            return session.is_up() && !session.half_closed() &&
                   session.dispatched() < plan_.conn_messages;
        },
        // After an outage the connections that are up first do not get all that waited.
        [this](std::uint32_t id) {
            const Session& session = connections_[id].session;
            return !plan_.reconnect || session.outstanding() + session.waiting() < plan_.pipeline;
        },
        [this](std::uint32_t id, const OpenLoop::Due& due) {
            connections_[id].session.wait_to_queue(due.when, due.measured);
        },
        [this](std::uint32_t id) {
            refill(connections_[id]);
            send(id);
        });
}

void Traffic::release() {
    if (connections_.pacer().release()) {
        make_all_ready();
    }
}

void Traffic::make_all_ready() {
    for (std::uint32_t id = 0; id < connections_.size(); ++id) {
        connections_.make_ready(id);
    }
}

void Traffic::measure() {
    if (connections_.pacer().measure()) {
        make_all_ready();
    } else if (connections_.pacer().open_loop() == nullptr) {
        for (std::uint32_t id = 0; id < connections_.size(); ++id) {
            connections_[id].session.carry_over();
        }
    }
}

void Traffic::expire_think_timers(TimePoint now) {
    while (const auto pause = think_timers_.take(now)) {
        Slot& slot = connections_[pause->id];
        if (connections_.connector().is_current(pause->id, pause->generation) &&
            slot.session.is_up()) {
            slot.thinking -= pause->messages;
            refill(slot);
            send(pause->id);
        }
    }
}

void Traffic::handle(const epoll_event& event) {
    const auto id = static_cast<std::uint32_t>(event.data.u64);
    Slot& slot = connections_[id];
    if (!connections_.connector().is_current(id, event.data.u64 >> 32U) &&
        !connections_.connector().resume(id, event.data.u64 >> 32U, slot.session)) {
        return;
    }
    if (slot.session.connecting()) {
        const TimePoint now = Clock::now();
        opened(id, connections_.connector().finish(id, slot.session, now), now);
        if (!slot.session.is_up() ||
            !connections_.connector().is_current(id, event.data.u64 >> 32U)) {
            return;
        }
    } else if ((event.events & EPOLLOUT) != 0) {
        send(id); // does nothing where nothing is to be sent
    }
    slot.hung_up = slot.hung_up || (event.events & echod::kHungUp) != 0;
    if ((event.events & (EPOLLIN | echod::kHungUp)) != 0) {
        receive(id);
    }
}

void Traffic::receive(std::uint32_t id) {
    Slot& slot = connections_[id];
    const std::span<std::byte> buffer = connections_.receive_buffer();
    for (int i = 0; i < kReceivesPerTurn; ++i) {
        if (!slot.session.is_up()) {
            return;
        }
        const IoResult result = slot.session.receive(buffer);
        if (result.would_block()) {
            return;
        }
        if (result.error != 0) {
            connections_.fail(id, Phase::read, result.error, Ending::broken);
            return;
        }
        if (result.bytes == 0) {
            connections_.closed_by_peer(id);
            return;
        }
        if (!take_bytes(id, buffer.first(result.bytes))) {
            return;
        }
        // After a short read the kernel has no more (epoll(7)), unless an end of file is behind it.
        if (result.bytes < buffer.size() && !slot.hung_up) {
            return;
        }
    }
    connections_.make_ready(id);
}

bool Traffic::take_bytes(std::uint32_t id, std::span<const std::byte> bytes) {
    Slot& slot = connections_[id];
    Session& session = slot.session;
    const ReceiveTime time = connections_.checker().time_of(Clock::now());
    const std::uint64_t echoed = session.echoed();
    const std::uint64_t outstanding = session.outstanding();
    Tally& tally = connections_.tally_of(id);
    const std::uint64_t verified = tally.messages.verified;
    const VerifyState state = connections_.checker().verify(id, session, bytes, time, tally);
    if (plan_.reconnect && tally.messages.verified != verified) [[unlikely]] {
        connections_.note_right(id, time.now);
    }
    if (!connections_.follow(id, state, outstanding, time.now)) {
        return false;
    }
    if (echoed == 0 && session.echoed() != 0) {
        connections_.connector().settled(id);
    }
    if (plain_) [[likely]] {
        refill(slot);
        send(id);
        return true;
    }
    think(id, session.echoed() - echoed, time.now);
    refill(slot);
    send(id);
    if (session.is_up() && !session.half_closed() && session.first_due() == plan_.conn_messages &&
        plan_.close != Close::half) {
        connections_.retire(id, Clock::now());
    }
    return true;
}

void Traffic::think(std::uint32_t id, std::uint64_t echoes, TimePoint now) {
    if (think_timers_.enabled() && echoes != 0) {
        const auto messages = static_cast<std::uint32_t>(echoes);
        connections_[id].thinking += messages;
        think_timers_.begin({id, connections_.connector().generation(id), messages}, now);
    }
}

void Traffic::send(std::uint32_t id) {
    Session& session = connections_[id].session;
    const int calls = plan_.split == Split::none ? kSendsPerTurn : kSplitSendsPerTurn;
    for (int i = 0; i < calls; ++i) {
        if (!session.is_up() || !session.wants_to_send()) {
            if (plan_.close == Close::half) [[unlikely]] {
                connections_.half_close_if_done(id);
            }
            return;
        }
        auto composed = session.compose(generator_, send_room_);
        if (cuts_sends_) [[unlikely]] {
            composed = session.cut(generator_, plan_.split, plan_.coalesce, composed);
        }
        const TimePoint now = Clock::now();
        const IoResult result = session.send(generator_, composed, now, connections_.tally_of(id));
        if (result.would_block()) {
            return;
        }
        if (result.error != 0) {
            connections_.fail(id, Phase::write, result.error, Ending::broken);
            return;
        }
        connections_.arm(id, now);
        if (result.bytes < composed.size()) {
            return; // the send buffer is full: EPOLLOUT comes when there is room
        }
    }
    connections_.make_ready(id);
}

} // namespace echoload
