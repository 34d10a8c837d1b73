// SPDX-License-Identifier: MIT
//
// The ready queue. An edge is reported once, so it is noted in its connection, and the connection
// goes to the tail of a FIFO. A turn visits each that was in the queue when the turn began once.
// serve() says in which state it leaves: `more` goes back to the tail, for no edge will come;
// the two waits leave the queue, for an edge will. While the queue is not empty, the loop does not
// sleep. The quota holds only while somebody else is in the queue: alone, nobody is kept waiting,
// and a flood is served at full speed.
//
// What a client did not use of its quota is saved, three turns' worth at the most. Over any run of
// turns it gets no more than its quota each, plus three; but a client whose messages come in
// bursts longer than the quota is answered with one send instead of several, which is most of what
// a burst costs (64 connections with 16 in flight: 1.02 of a bare loop's CPU time a message
// instead of 1.6). A flood uses every turn up, so it never saves.
//
// A short read from a TCP socket says that nothing is left (epoll(7)), which saves a system call a
// message. On a unix socket it does not: recv(2) also ends at a piece that carries descriptors
// (unix(7), SCM_RIGHTS), whether or not anybody asked for them, so there the read goes on until
// EAGAIN.
#include "server/clients.hpp"

#include <algorithm>
#include <new>
#include <numeric>
#include <utility>

namespace echod {

namespace {

constexpr std::uint32_t kInput = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET;
constexpr std::uint32_t kExhaust = EPOLLPRI | kHungUp;
constexpr Duration kIdleGrain = std::chrono::milliseconds(50);
constexpr std::uint32_t kSavedTurns = 3;

} // namespace

Clients::Clients(Epoll& epoll, Counters& counters) : epoll_(epoll), counters_(counters) {}

Clients::~Clients() {
    close_all(CloseReason::stopped);
}

void Clients::configure(const Config::Limits& limits, const Config::Timeouts& timeouts) noexcept {
    timeouts_ = timeouts;
    quota_ = limits.quota_messages;
    idle_grain_ = limits.when_full == WhenFull::evict ? Duration::zero() : kIdleGrain;
    count_addresses(limits.max_connections_per_ip != 0);
}

// Without a limit nobody pays for a count, so one that a reload brings starts with a look at all.
void Clients::count_addresses(bool wanted) noexcept {
    if (wanted == std::exchange(counts_addresses_, wanted)) {
        return;
    }
    for (std::uint32_t slot = idle_.front(); slot != kNoIndex; slot = idle_.next(table_, slot)) {
        Client& client = table_[slot];
        ip_counts_.release(std::exchange(client.ip, nullptr));
        try {
            client.ip =
                wanted ? ip_counts_.acquire(peer_endpoint(client.connection.fd())) : nullptr;
        } catch (const std::bad_alloc&) {
            return; // who is not counted may have more than its share, until it closes
        }
    }
}

bool Clients::add(UniqueFd fd, const Endpoint& peer, TimePoint now) noexcept {
    const bool added = insert(std::move(fd), peer, now) != kNoIndex;
    counters_.accepted += added ? 1 : 0;
    return added;
}

std::uint32_t Clients::insert(UniqueFd fd, const Endpoint& peer, TimePoint now) noexcept {
    std::uint32_t slot = kNoIndex;
    try {
        slot = table_.allocate();
        table_[slot].ip = counts_addresses_ ? ip_counts_.acquire(peer) : nullptr;
    } catch (const std::bad_alloc&) {
        if (slot != kNoIndex) {
            table_.release(slot);
        }
        return kNoIndex;
    }
    Client& client = table_[slot];
    if (epoll_.add(fd.get(), kInput, table_.token(slot)) != 0) {
        ip_counts_.release(client.ip);
        table_.release(slot);
        return kNoIndex;
    }
    client.connection = Connection(std::move(fd), now);
    client.exhaust = peer.family() == AF_UNIX;
    client.idle_stamp = now;
    client.last_turn = turn_;
    idle_.push_back(table_, slot);
    return slot;
}

void Clients::on_event(std::uint64_t token, std::uint32_t events) noexcept {
    const std::uint32_t slot = table_.find(token);
    if (slot == kNoIndex) {
        return;
    }
    Client& client = table_[slot];
    client.connection.note_edge((events & (EPOLLIN | kExhaust)) != 0,
                                client.exhaust || (events & kExhaust) != 0);
    if (!client.ready.linked(slot)) {
        ready_.push_back(table_, slot);
    }
}

void Clients::serve_ready(TimePoint now, bool others_wait) noexcept {
    Turn turn{buffer_, pool_, counters_, now, quota_, draining_};
    ++turn_;
    for (std::uint32_t visits = ready_.size(); visits != 0 && !ready_.empty(); --visits) {
        const std::uint32_t slot = ready_.front();
        ready_.remove(table_, slot);
        serve_one(slot, turn, !others_wait && ready_.empty());
    }
}

void Clients::serve_one(std::uint32_t slot, Turn& turn, bool alone) noexcept {
    Client& client = table_[slot];
    const std::uint64_t turns = std::min(turn_ - client.last_turn, 1 + kSavedTurns);
    const auto quota = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(client.saved + turns * quota_, (1ULL + kSavedTurns) * quota_));
    client.last_turn = turn_;
    turn.quota = alone ? Turn::kNoQuota : quota;
    const std::uint64_t before = client.connection.messages();
    const Next next = client.connection.serve(turn);
    const std::uint64_t served = client.connection.messages() - before;
    client.saved = served < quota ? quota - static_cast<std::uint32_t>(served) : 0;
    switch (next) {
    case Next::close:
        close(slot, client.connection.close_reason());
        return;
    case Next::more:
        ready_.push_back(table_, slot);
        break;
    case Next::wait_output:
        if (!client.watches_output) {
            watch_output(slot, client);
            if (client.generation % 2 == 0) {
                return;
            }
        }
        break;
    case Next::wait_input:
        break;
    }
    touch(slot, client);
    relist(slot, client);
}

// EPOLLOUT joins at the first stall and stays: most connections never pay for it, and the others
// once. The kernel looks at the socket anew, so room that came meanwhile is reported.
void Clients::watch_output(std::uint32_t slot, Client& client) noexcept {
    client.watches_output = true;
    if (epoll_.modify(client.connection.fd(), kInput | EPOLLOUT, table_.token(slot)) != 0) {
        close(slot, CloseReason::io_error);
    }
}

void Clients::touch(std::uint32_t slot, Client& client) noexcept {
    const TimePoint active = client.connection.last_activity();
    if (active - client.idle_stamp > idle_grain_) {
        client.idle_stamp = active;
        idle_.remove(table_, slot);
        idle_.push_back(table_, slot);
    }
}

// Puts the client into the list of the clock that runs against it now. `since` only ever moves on,
// so a clock that was restarted goes to the tail.
void Clients::relist(std::uint32_t slot, Client& client) noexcept {
    const Deadline deadline = client.connection.deadline();
    const bool listed = client.deadline.linked(slot);
    if (deadline == client.listed &&
        (deadline == Deadline::none || client.listed_since == client.connection.deadline_since())) {
        return;
    }
    if (listed) {
        deadlines_[static_cast<std::size_t>(client.listed)].remove(table_, slot);
    }
    client.listed = deadline;
    if (deadline != Deadline::none) {
        client.listed_since = client.connection.deadline_since();
        deadlines_[static_cast<std::size_t>(deadline)].push_back(table_, slot);
    }
}

void Clients::evict_longest_idle() noexcept {
    close(idle_.front(), CloseReason::evicted);
}

void Clients::start_drain(TimePoint now) noexcept {
    draining_ = true;
    // Input may be here whose edge was not reported yet: everybody gets one look.
    for (std::uint32_t slot = idle_.front(); slot != kNoIndex; slot = idle_.next(table_, slot)) {
        Client& client = table_[slot];
        client.connection.note_edge(true, client.exhaust);
        if (!client.ready.linked(slot)) {
            ready_.push_back(table_, slot);
        }
    }
    serve_ready(now, true);
}

void Clients::summarize(std::size_t count, TimePoint now, std::vector<ConnectionSummary>& busiest,
                        std::vector<ConnectionSummary>& oldest) const {
    std::vector<const Connection*> all;
    all.reserve(open());
    for (std::uint32_t slot = idle_.front(); slot != kNoIndex; slot = idle_.next(table_, slot)) {
        all.push_back(&table_[slot].connection);
    }
    const auto take = [&](auto before, std::vector<ConnectionSummary>& into) {
        const auto middle = all.begin() + static_cast<long>(std::min(count, all.size()));
        std::partial_sort(all.begin(), middle, all.end(), before);
        for (auto one = all.begin(); one != middle; ++one) {
            const Connection& connection = **one;
            into.push_back({peer_endpoint(connection.fd()).to_string(), connection.messages(),
                            connection.bytes_received(), connection.kept_bytes(),
                            now - connection.accepted(), now - connection.last_activity()});
        }
    };
    take([](const auto* a, const auto* b) { return a->messages() > b->messages(); }, busiest);
    take([](const auto* a, const auto* b) { return a->accepted() < b->accepted(); }, oldest);
}

void Clients::park(TimePoint now, std::vector<ParkedConnection>& parked,
                   std::vector<int>& fds) const {
    parked.reserve(open());
    fds.reserve(open());
    for (std::uint32_t slot = idle_.back(); slot != kNoIndex; slot = idle_.previous(table_, slot)) {
        const Connection& connection = table_[slot].connection;
        if (connection.deadline() != Deadline::linger) {
            parked.push_back(connection.park(now));
            fds.push_back(connection.fd());
        }
    }
}

void Clients::forget_parked(std::size_t count) noexcept {
    for (std::uint32_t slot = idle_.back(); count != 0 && slot != kNoIndex;) {
        const std::uint32_t previous = idle_.previous(table_, slot);
        if (table_[slot].connection.deadline() != Deadline::linger) {
            close(slot, CloseReason::parked);
            --count;
        }
        slot = previous;
    }
}

std::size_t Clients::restore(std::span<const ParkedConnection> parked, std::span<UniqueFd> fds,
                             TimePoint now) {
    std::vector<std::uint32_t> slots;
    slots.reserve(parked.size());
    std::vector<std::size_t> order(parked.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&parked](std::size_t a, std::size_t b) {
        return parked[a].idle > parked[b].idle; // as the idle list wants them
    });
    for (const std::size_t i : order) {
        const Endpoint peer = peer_endpoint(fds[i].get());
        const std::uint32_t slot = insert(std::move(fds[i]), peer, now);
        if (slot == kNoIndex) {
            continue;
        }
        Client& client = table_[slot];
        ++counters_.restored;
        if (!client.connection.restore(parked[i], pool_, now)) {
            close(slot, CloseReason::io_error);
            continue;
        }
        counters_.bytes_restored += client.connection.kept_bytes();
        counters_.messages_restored += parked[i].owed_messages;
        client.idle_stamp = client.connection.last_activity();
        ready_.push_back(table_, slot);
        slots.push_back(slot);
    }
    // The clocks of messages and of writes want an order of their own.
    std::stable_sort(slots.begin(), slots.end(), [this](std::uint32_t a, std::uint32_t b) {
        return table_[a].connection.deadline_since() < table_[b].connection.deadline_since();
    });
    for (const std::uint32_t slot : slots) {
        relist(slot, table_[slot]);
    }
    return parked.size() - slots.size();
}

void Clients::close_all(CloseReason reason) noexcept {
    while (!idle_.empty()) {
        close(idle_.front(), reason);
    }
}

void Clients::tell_fault(const Client& client, CloseReason reason) const noexcept {
    Endpoint peer = peer_endpoint(client.connection.fd());
    if (peer.length() == 0) { // after a reset
        peer = IpCounts::address_of(client.ip);
    }
    fault_hook_({peer, "closed", to_string(reason), client.connection.messages(),
                 client.connection.bytes_received()});
}

void Clients::close(std::uint32_t slot, CloseReason reason) noexcept {
    Client& client = table_[slot];
    if (client.connection.deadline() == Deadline::linger) {
        reason = client.connection.close_reason(); // it had ended already
    }
    if (fault_hook_ && is_fault(reason)) {
        tell_fault(client, reason);
    }
    if (client.ready.linked(slot)) {
        ready_.remove(table_, slot);
    }
    if (client.deadline.linked(slot)) {
        deadlines_[static_cast<std::size_t>(client.listed)].remove(table_, slot);
    }
    idle_.remove(table_, slot);
    ip_counts_.release(client.ip);
    client.connection.close(reason, pool_, counters_);
    table_.release(slot);
}

} // namespace echod
