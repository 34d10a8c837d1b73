// SPDX-License-Identifier: MIT
//
// Deadlines. Within one class every deadline is the same time after its start, so a FIFO is in
// order of expiry, and only its head needs a look. A change of the timeouts by a reload keeps the
// order. The idle list is kept in order of activity to within idle_grain_, so that a busy client
// is moved a few times a second and not once a message; to evict the longest idle one the order
// has to be exact, and the grain is zero.
//
// A loop that was held up (a stop signal, a debugger, a machine that was suspended) finds that time
// has passed, but has not been told of all that came meanwhile. So before a client is closed for
// its silence its socket is looked at, and what is there is served first.
#include "server/clients.hpp"

#include <algorithm>

namespace echod {

namespace {

constexpr Duration kLingerTime = std::chrono::seconds(1);

} // namespace

Duration Clients::allowance(Deadline deadline) const noexcept {
    switch (deadline) {
    case Deadline::message:
        return timeouts_.message;
    case Deadline::write:
        return timeouts_.write / Connection::kWriteLooks;
    default:
        return kLingerTime;
    }
}

std::optional<TimePoint> Clients::next_deadline() const noexcept {
    std::optional<TimePoint> next;
    const auto consider = [&next](TimePoint at) { next = next ? std::min(*next, at) : at; };
    for (const Deadline deadline : {Deadline::message, Deadline::write, Deadline::linger}) {
        const DeadlineList& list = deadlines_[static_cast<std::size_t>(deadline)];
        if (!list.empty() && allowance(deadline) != Duration::zero()) {
            consider(table_[list.front()].connection.deadline_since() + allowance(deadline));
        }
    }
    if (!idle_.empty() && timeouts_.idle != Duration::zero()) {
        consider(table_[idle_.front()].connection.last_activity() + timeouts_.idle);
    }
    return next;
}

// True where there was input. The client may be gone afterwards.
bool Clients::serve_unread(std::uint32_t slot, TimePoint now) noexcept {
    Client& client = table_[slot];
    if (!client.connection.has_unread()) {
        return false;
    }
    client.connection.note_edge(true, true);
    if (client.ready.linked(slot)) {
        ready_.remove(table_, slot);
    }
    Turn turn{buffer_, pool_, counters_, now, quota_, draining_};
    ++turn_; // one of its own, with a quota
    serve_one(slot, turn, false);
    return true;
}

void Clients::expire(TimePoint now) noexcept {
    expire_list(Deadline::message, now);
    expire_list(Deadline::write, now);
    expire_list(Deadline::linger, now);
    while (timeouts_.idle != Duration::zero() && !idle_.empty()) {
        const std::uint32_t slot = idle_.front();
        Client& client = table_[slot];
        if (client.connection.last_activity() + timeouts_.idle > now) {
            break;
        }
        const std::uint64_t token = table_.token(slot);
        if (serve_unread(slot, now) &&
            (table_.find(token) == kNoIndex || client.connection.last_activity() == now)) {
            continue;
        }
        if (client.connection.peer_reads(now)) {
            touch(slot, client);
            continue;
        }
        close(slot, CloseReason::idle_timeout);
    }
}

void Clients::expire_list(Deadline deadline, TimePoint now) noexcept {
    DeadlineList& list = deadlines_[static_cast<std::size_t>(deadline)];
    const Duration allowed = allowance(deadline);
    while (allowed != Duration::zero() && !list.empty()) {
        const std::uint32_t slot = list.front();
        Client& client = table_[slot];
        if (client.connection.deadline_since() + allowed > now) {
            return;
        }
        const std::uint64_t token = table_.token(slot);
        if (deadline == Deadline::message && serve_unread(slot, now) &&
            (table_.find(token) == kNoIndex || client.connection.deadline() != deadline ||
             client.connection.deadline_since() == now)) {
            continue;
        }
        if (deadline == Deadline::write && !client.connection.write_is_stuck(now)) {
            touch(slot, client);
            relist(slot, client);
            continue;
        }
        close(slot, deadline == Deadline::message ? CloseReason::message_timeout
                                                  : CloseReason::write_timeout);
    }
}

} // namespace echod
