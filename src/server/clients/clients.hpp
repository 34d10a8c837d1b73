// SPDX-License-Identifier: MIT
// The open connections: which one is served next, and which ones are closed.
#pragma once

#include "net/epoll.hpp"
#include "server/clients/activity_list.hpp"
#include "server/clients/buffer_pool.hpp"
#include "server/clients/client_addresses.hpp"
#include "server/clients/client_table.hpp"
#include "server/clients/deadline_lists.hpp"
#include "server/clients/fault.hpp"
#include "server/clients/ready_queues.hpp"
#include "server/config/config.hpp"
#include "server/stats/counters.hpp"
#include "server/stats/server_state.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace echod {

/// All open connections, with their ready queue and their deadlines. Every call is O(1) a client,
/// apart from those that visit all of them: start_drain(), close_all(), park(), summarize() and
/// visit().
class Clients {
public:
    /// Borrows both for its life.
    Clients(Epoll& epoll, Counters& counters);
    /// Closes the connections that are left.
    ~Clients();
    Clients(const Clients&) = delete;
    Clients& operator=(const Clients&) = delete;

    /// Applies limits and timeouts from now on, also to deadlines that run. limits.per_ip_exempt is
    /// passed as `exempt`.
    void configure(const Config::Limits& limits, const Config::Timeouts& timeouts,
                   std::vector<IpNetwork> exempt = {}) noexcept;

    /// Applies listen.proxy_protocol to the connections that are added from now on; `from` is
    /// listen.proxy_from.
    void configure_proxy(ProxyProtocol protocol, std::vector<IpNetwork> from) noexcept {
        addresses_.configure_proxy(protocol, std::move(from));
    }

    /// Sets the function that is called for each fault.
    void set_fault_hook(FaultHook hook) noexcept { fault_hook_ = std::move(hook); }

    /// Reports a connection that was rejected before it was added.
    void report_rejection(const Endpoint& peer, std::string_view counter) const noexcept {
        if (fault_hook_) {
            fault_hook_({peer, counter, {}});
        }
    }

    [[nodiscard]] std::uint32_t open() const noexcept { return by_activity_.size(); }
    /// Open connections from `peer`'s address; counted only if limits.max_connections_per_ip is
    /// set. IPv6 addresses that share limits.ipv6_prefix count as one; 0 for limits.per_ip_exempt,
    /// and for a peer that sends a PROXY header, because that names the address to be counted.
    [[nodiscard]] std::uint32_t held_by(const Endpoint& peer) const noexcept {
        return addresses_.held_by(peer);
    }

    /// The peer that last began with a PROXY header although none was expected.
    [[nodiscard]] const Endpoint& unexpected_proxy() const noexcept { return unexpected_proxy_; }

    /// Adds a connection. Returns 0, or the errno if memory is out or epoll refuses it; `fd` is
    /// then unchanged.
    [[nodiscard]] int add(UniqueFd&& fd, const Endpoint& peer, TimePoint now) noexcept;

    /// Notes an event that epoll reported with `token`. A token of a closed connection is ignored.
    void on_event(std::uint64_t token, std::uint32_t events) noexcept;

    /// True while connections are ready, of which no event will report that.
    [[nodiscard]] bool has_ready() const noexcept { return !ready_.empty(); }

    /// Visits the connections that are ready now, once each; those that have more to do than the
    /// quota at most ReadyQueues::kBulkVisits of them.
    void serve_ready(TimePoint now) noexcept;

    /// When expire() has something to do next; kNever if no deadline runs.
    [[nodiscard]] TimePoint next_deadline() const noexcept {
        return std::min(deadlines_.next_deadline(), by_activity_.next_deadline());
    }

    /// Closes the connections whose deadline has passed.
    void expire(TimePoint now) noexcept;

    /// Closes the connection that has been idle longest, of those from which no input waits to be
    /// served as far as there is one. There must be a connection.
    void evict_longest_idle() noexcept;

    /// From now on closes each connection after its last echo, with a FIN, as soon as it has
    /// nothing left to do.
    void start_drain(TimePoint now) noexcept;

    /// Appends all connections but the lingering ones, the most recently active first, with their
    /// descriptors and buffered bytes, which stay ours. Throws std::bad_alloc.
    void park(TimePoint now, std::vector<ParkedConnection>& parked, std::vector<int>& fds) const;

    /// Closes our descriptors of the first `count` connections that park() appended, after the
    /// service manager has stored duplicates.
    void close_handed_over(std::size_t count) noexcept;

    /// Adds connections that the old process parked, each with its descriptor. Returns how many
    /// were closed because memory was out or epoll refused them. Throws std::bad_alloc.
    [[nodiscard]] std::size_t restore(std::span<const ParkedConnection> parked,
                                      std::span<UniqueFd> fds, TimePoint now);

    /// Closes all connections at once.
    void close_all(CloseReason reason) noexcept;

    /// Appends the `count` connections with the most messages and the `count` oldest; see
    /// summarize_clients().
    void summarize(std::size_t count, TimePoint now, std::vector<ConnectionSummary>& busiest,
                   std::vector<ConnectionSummary>& oldest) const;

    /// Calls visitor(int fd, std::uint16_t& listener) for each connection; see SocketSurvey.
    template <class Visitor>
    void visit(Visitor&& visitor) {
        for (std::uint32_t slot = by_activity_.front(); slot != kNoIndex;
             slot = by_activity_.next(slot)) {
            visitor(table_[slot].connection.fd(), table_[slot].listener);
        }
    }

    /// Bytes of memory lent to connections now.
    [[nodiscard]] std::size_t buffered_bytes() const noexcept { return pool_.lent(); }

private:
    /// The slot of the new connection, or an errno. `counted`: the address that it counts for;
    /// `idle`: the time since its last activity.
    struct Inserted {
        std::uint32_t slot = kNoIndex;
        int error = 0;
    };
    [[nodiscard]] Inserted insert(UniqueFd& fd, const Endpoint& peer, const Endpoint& counted,
                                  TimePoint now, Duration idle) noexcept;
    [[nodiscard]] ServeContext context(TimePoint now) noexcept {
        return {buffer_, pool_, counters_, now, buffer_.size(), draining_};
    }
    void apply_proxy_header(std::uint32_t slot) noexcept;
    void note_unexpected_proxy(const Client& client) noexcept;
    void serve_one(std::uint32_t slot, ServeContext& context) noexcept;
    bool serve_before_expiry(std::uint32_t slot, TimePoint now) noexcept;
    void enable_output(std::uint32_t slot, Client& client) noexcept;
    void expire_idle(std::uint32_t slot, TimePoint now) noexcept;
    void expire_incomplete(std::uint32_t slot, TimePoint now) noexcept;
    void expire_write(std::uint32_t slot, TimePoint now) noexcept;
    void close(std::uint32_t slot, CloseReason reason) noexcept;
    void report_fault(std::uint32_t slot, CloseReason reason) const noexcept;

    Epoll& epoll_;
    Counters& counters_;
    bool draining_ = false;
    FaultHook fault_hook_;
    std::uint32_t unsent_limit_ = 0; ///< limits.unsent_bytes
    bool probes_ = false;            ///< probes_silent_clients() of the timeouts in force

    ClientTable table_;
    ReadyQueues ready_{table_};
    ActivityList by_activity_{table_}; ///< every open connection
    DeadlineLists deadlines_{table_};
    ClientAddresses addresses_{table_};
    Endpoint unexpected_proxy_;
    std::uint64_t noted_unexpected_proxy_ = 0; ///< of the counter
    BufferPool pool_;
    std::array<std::byte, kReceiveBuffer> buffer_;
};

} // namespace echod
