// SPDX-License-Identifier: MIT
//
// Ready connections. epoll reports an edge once. on_event() notes it in the connection and puts the
// connection into one of the ReadyQueues. serve_ready() visits those that are in the queues when it
// begins. Connection::serve() returns the state in which it leaves the connection: with `more` it
// goes to the tail of a queue, because no edge will come; with one of the waits it is in no
// queue, because an edge will come. While a queue is not empty, the loop does not sleep.
//
// Short reads. On a TCP socket a short read means that nothing is left (epoll(7)), which saves a
// system call a message. On a unix socket recv(2) also ends at a message that carries descriptors
// (unix(7), SCM_RIGHTS), so unix sockets are read until EAGAIN.
//
// Deadlines. A deadline may have passed although the client has done its part: the loop was stopped
// (SIGSTOP, a debugger, a suspended machine), or the connection waits for its visit. So before a
// connection is closed by a deadline, work that its socket allows is done first.
#include "server/clients/clients.hpp"

#include "net/socket.hpp"
#include "server/clients/summaries.hpp"

#include <algorithm>
#include <cerrno>
#include <new>
#include <numeric>
#include <utility>

namespace echod {

namespace {

constexpr std::uint32_t kInput = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET;
constexpr std::uint32_t kExhaust = EPOLLPRI | kHungUp;
constexpr Duration kIdleGranularity = std::chrono::milliseconds(50);

// The order in which restore() adds connections: the longest idle first, as ActivityList wants it.
std::vector<std::size_t> longest_idle_first(std::span<const ParkedConnection> parked) {
    std::vector<std::size_t> order(parked.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&parked](std::size_t a, std::size_t b) { return parked[a].idle > parked[b].idle; });
    return order;
}

} // namespace

Clients::Clients(Epoll& epoll, Counters& counters) : epoll_(epoll), counters_(counters) {}

Clients::~Clients() {
    close_all(CloseReason::stopped);
}

void Clients::configure(const Config::Limits& limits, const Config::Timeouts& timeouts,
                        std::vector<IpNetwork> exempt) noexcept {
    const bool evicts = limits.when_full == WhenFull::evict;
    // Connections that were accepted with a shorter idle timeout have no probes yet.
    if (timeouts.probes_silent_clients() && !probes_) {
        visit([](int fd, std::uint16_t&) { set_keepalive(fd, true); });
    }
    probes_ = timeouts.probes_silent_clients();
    ready_.configure(limits.quota_messages);
    unsent_limit_ = limits.unsent_bytes;
    by_activity_.configure(timeouts.idle, evicts ? Duration::zero() : kIdleGranularity);
    deadlines_.configure(timeouts);
    addresses_.configure(limits, std::move(exempt), by_activity_);
}

int Clients::add(UniqueFd&& fd, const Endpoint& peer, TimePoint now) noexcept {
    const FirstInput first = addresses_.first_input(peer);
    const Endpoint unknown;
    const Endpoint& counted = first == FirstInput::header ? unknown : peer;
    const auto [slot, error] = insert(fd, peer, counted, now, Duration::zero());
    counters_.accepted += error == 0 ? 1 : 0;
    if (error == 0 && first != FirstInput::message) {
        table_[slot].connection.expect_proxy_header(first == FirstInput::not_served);
        deadlines_.update(slot, table_[slot]);
    }
    return error;
}

Clients::Inserted Clients::insert(UniqueFd& fd, const Endpoint& peer, const Endpoint& counted,
                                  TimePoint now, Duration idle) noexcept {
    std::uint32_t slot = kNoIndex;
    try {
        slot = table_.allocate();
        addresses_.count(slot, counted);
    } catch (const std::bad_alloc&) {
        if (slot != kNoIndex) {
            table_.release(slot);
        }
        return {kNoIndex, ENOMEM};
    }
    Client& client = table_[slot];
    if (const int error = epoll_.add(fd.get(), kInput, table_.token(slot)); error != 0) {
        addresses_.release(slot);
        table_.release(slot);
        return {kNoIndex, error};
    }
    client.connection = Connection(std::move(fd), now);
    client.exhaust = peer.family() == AF_UNIX;
    by_activity_.add(slot, now - idle);
    return {slot, 0};
}

void Clients::on_event(std::uint64_t token, std::uint32_t events) noexcept {
    const std::uint32_t slot = table_.find(token);
    if (slot == kNoIndex) {
        return;
    }
    Client& client = table_[slot];
    client.connection.note_edge((events & (EPOLLIN | kExhaust)) != 0,
                                client.exhaust || (events & kExhaust) != 0);
    ready_.add(slot, client);
}

void Clients::serve_ready(TimePoint now) noexcept {
    ServeContext shared = context(now);
    ready_.start_iteration();
    for (std::uint32_t slot = 0; (slot = ready_.next()) != kNoIndex;) {
        serve_one(slot, shared);
    }
}

// The connection must be in no queue.
void Clients::serve_one(std::uint32_t slot, ServeContext& context) noexcept {
    Client& client = table_[slot];
    context.receive_limit = ready_.receive_limit(client, buffer_.size());
    const std::uint64_t before = client.connection.messages();
    const Next next = client.connection.serve(context);
    // Input behind the end of a connection is discarded: it must not delay others either.
    std::uint64_t served = client.connection.messages() - before;
    if (client.connection.deadline() == Deadline::linger) {
        served = ReadyQueues::kFlood;
        note_unexpected_proxy(client);
    }
    const bool bulk = ready_.finish_visit(client, served, next == Next::more);
    switch (next) {
    case Next::close:
        close(slot, client.connection.close_reason());
        return;
    case Next::more:
        counters_.quota_turns += bulk ? 1 : 0;
        ready_.add(slot, client);
        break;
    case Next::wait_output:
        if (!client.watches_output) {
            enable_output(slot, client);
            if (client.generation % 2 == 0) {
                return; // epoll failed and the connection is closed
            }
        }
        break;
    case Next::proxied:
        apply_proxy_header(slot);
        if (client.generation % 2 == 0) {
            return; // the client is over its limit and the connection is closed
        }
        break;
    case Next::wait_input:
        break;
    }
    by_activity_.update(slot, client);
    deadlines_.update(slot, client);
}

// From here on the connection counts for the client that the header names, or for its peer if the
// header names none.
void Clients::apply_proxy_header(std::uint32_t slot) noexcept {
    const ProxySource source = table_[slot].connection.take_proxy_header(pool_, counters_);
    if (const auto reason = addresses_.apply(slot, source)) {
        counters_.rejected_per_ip += *reason == CloseReason::per_ip ? 1U : 0U;
        close(slot, *reason);
        return;
    }
    ready_.add(slot, table_[slot]); // messages may follow the header
}

// A connection that lingers may have been ended by such a header in this visit.
void Clients::note_unexpected_proxy(const Client& client) noexcept {
    if (std::exchange(noted_unexpected_proxy_, counters_.unexpected_proxy) !=
        counters_.unexpected_proxy) {
        unexpected_proxy_ = peer_endpoint(client.connection.fd());
    }
}

// Serves a connection whose deadline has passed if something can be done without the client: the
// connection waits in a queue, or input or room for output is there without an edge so far. Returns
// false if there is none. The connection may be closed afterwards.
bool Clients::serve_before_expiry(std::uint32_t slot, TimePoint now) noexcept {
    Client& client = table_[slot];
    const bool unread = client.connection.has_unread();
    if (!unread && !client.ready.linked(slot) && !client.connection.can_flush()) {
        return false;
    }
    client.connection.note_edge(unread, unread);
    ready_.remove(slot);
    ServeContext own = context(now);
    serve_one(slot, own);
    return true;
}

// EPOLLOUT is enabled at the first stall and stays enabled, so most connections never pay for it.
// epoll_ctl(2) checks the socket again, so room that has come meanwhile is reported.
void Clients::enable_output(std::uint32_t slot, Client& client) noexcept {
    client.watches_output = true;
    if (epoll_.modify(client.connection.fd(), kInput | EPOLLOUT, table_.token(slot)) != 0) {
        close(slot, CloseReason::io_error);
    }
}

void Clients::expire(TimePoint now) noexcept {
    std::uint32_t slot = kNoIndex;
    while ((slot = deadlines_.expired(Deadline::message, now)) != kNoIndex) {
        expire_incomplete(slot, now);
    }
    while ((slot = deadlines_.expired(Deadline::write, now)) != kNoIndex) {
        expire_write(slot, now);
    }
    while ((slot = deadlines_.expired(Deadline::linger, now)) != kNoIndex) {
        close(slot, table_[slot].connection.close_reason());
    }
    while ((slot = by_activity_.expired(now)) != kNoIndex) {
        expire_idle(slot, now);
    }
}

// The connection is in the middle of a message or of a PROXY header.
void Clients::expire_incomplete(std::uint32_t slot, TimePoint now) noexcept {
    const Deadline kind = table_[slot].connection.deadline();
    const std::uint64_t token = table_.token(slot);
    if (serve_before_expiry(slot, now)) {
        const Connection& connection = table_[slot].connection;
        if (table_.find(token) == kNoIndex || connection.deadline() != kind ||
            connection.deadline_since() == now) {
            return;
        }
    }
    close(slot, CloseReason::message_timeout);
}

void Clients::expire_write(std::uint32_t slot, TimePoint now) noexcept {
    Client& client = table_[slot];
    const std::uint64_t token = table_.token(slot);
    if (serve_before_expiry(slot, now) &&
        (table_.find(token) == kNoIndex || client.connection.deadline() != Deadline::write ||
         client.connection.deadline_since() == now)) {
        return;
    }
    if (client.connection.write_is_stalled(now)) {
        close(slot, CloseReason::write_timeout);
        return;
    }
    by_activity_.update(slot, client);
    deadlines_.update(slot, client);
}

void Clients::expire_idle(std::uint32_t slot, TimePoint now) noexcept {
    Client& client = table_[slot];
    const std::uint64_t token = table_.token(slot);
    if (serve_before_expiry(slot, now) &&
        (table_.find(token) == kNoIndex || client.connection.last_activity() == now)) {
        return;
    }
    if (client.connection.peer_reads(now)) {
        by_activity_.update(slot, client);
        return;
    }
    close(slot, CloseReason::idle_timeout);
}

// A connection with unread input is not idle: it is this server that has not got round to it. The
// search is bounded, and if all have input, the longest idle is closed all the same.
void Clients::evict_longest_idle() noexcept {
    constexpr int kCandidates = 64;
    std::uint32_t slot = by_activity_.front();
    for (int i = 0; i < kCandidates && slot != kNoIndex; ++i, slot = by_activity_.next(slot)) {
        const Client& client = table_[slot];
        if (!client.ready.linked(slot) && !client.connection.has_unread()) {
            close(slot, CloseReason::evicted);
            return;
        }
    }
    close(by_activity_.front(), CloseReason::evicted);
}

void Clients::start_drain(TimePoint now) noexcept {
    draining_ = true;
    // Input may have arrived whose edge was not reported yet: every connection is served once.
    for (std::uint32_t slot = by_activity_.front(); slot != kNoIndex;
         slot = by_activity_.next(slot)) {
        Client& client = table_[slot];
        client.connection.note_edge(true, client.exhaust);
        ready_.add(slot, client);
    }
    serve_ready(now);
}

void Clients::summarize(std::size_t count, TimePoint now, std::vector<ConnectionSummary>& busiest,
                        std::vector<ConnectionSummary>& oldest) const {
    summarize_clients(table_, by_activity_, addresses_, count, now, busiest, oldest);
}

void Clients::park(TimePoint now, std::vector<ParkedConnection>& parked,
                   std::vector<int>& fds) const {
    parked.reserve(open());
    fds.reserve(open());
    for (std::uint32_t slot = by_activity_.back(); slot != kNoIndex;
         slot = by_activity_.previous(slot)) {
        const Connection& connection = table_[slot].connection;
        if (connection.deadline() != Deadline::linger) {
            parked.push_back(connection.park(now));
            parked.back().source = addresses_.source(slot);
            fds.push_back(connection.fd());
        }
    }
}

void Clients::close_handed_over(std::size_t count) noexcept {
    for (std::uint32_t slot = by_activity_.back(); count != 0 && slot != kNoIndex;) {
        const std::uint32_t previous = by_activity_.previous(slot);
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
    for (const std::size_t i : longest_idle_first(parked)) {
        const Endpoint peer = peer_endpoint(fds[i].get());
        const std::uint32_t slot =
            insert(fds[i], peer, ClientAddresses::counted(parked[i], peer), now, parked[i].idle)
                .slot;
        if (slot == kNoIndex) {
            fds[i].reset();
            continue;
        }
        Client& client = table_[slot];
        ++counters_.restored;
        // Not those of the old process.
        set_unsent_limit(client.connection.fd(), unsent_limit_);
        set_keepalive(client.connection.fd(), probes_);
        if (!client.connection.restore(parked[i], pool_, now) ||
            !addresses_.name(slot, parked[i].source)) {
            close(slot, CloseReason::io_error);
            continue;
        }
        counters_.bytes_restored += client.connection.buffered_bytes();
        counters_.messages_restored += parked[i].pending_messages;
        ready_.add(slot, client);
        slots.push_back(slot);
    }
    // The deadline lists are in the order in which the deadlines started.
    std::stable_sort(slots.begin(), slots.end(), [this](std::uint32_t a, std::uint32_t b) {
        return table_[a].connection.deadline_since() < table_[b].connection.deadline_since();
    });
    for (const std::uint32_t slot : slots) {
        deadlines_.update(slot, table_[slot]);
    }
    return parked.size() - slots.size();
}

void Clients::close_all(CloseReason reason) noexcept {
    while (by_activity_.size() != 0) {
        close(by_activity_.front(), reason);
    }
}

void Clients::report_fault(std::uint32_t slot, CloseReason reason) const noexcept {
    const Client& client = table_[slot];
    Endpoint peer = addresses_.endpoint(slot);
    if (peer.length() == 0) { // after a reset the kernel no longer knows it
        peer = IpCounts::address_of(client.ip);
    }
    fault_hook_({peer, "closed", enum_name(reason), client.connection.messages(),
                 client.connection.bytes_received()});
}

void Clients::close(std::uint32_t slot, CloseReason reason) noexcept {
    Client& client = table_[slot];
    if (client.connection.deadline() == Deadline::linger) {
        reason = client.connection.close_reason(); // the reason for which it was shut down
    }
    if (fault_hook_ && is_fault(reason)) {
        report_fault(slot, reason);
    }
    ready_.remove(slot);
    deadlines_.remove(slot, client);
    by_activity_.remove(slot);
    addresses_.release(slot);
    client.connection.close(reason, pool_, counters_);
    table_.release(slot);
}

} // namespace echod
