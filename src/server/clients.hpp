// SPDX-License-Identifier: MIT
// All connections: who has work, who is next, whose time is up.
#pragma once

#include "net/epoll.hpp"
#include "server/buffer_pool.hpp"
#include "server/client_table.hpp"
#include "server/config.hpp"
#include "server/counters.hpp"
#include "server/status.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace echod {

/// A connection that ends by a fault or is turned away.
struct Fault {
    Endpoint peer;            ///< with port 0 where the kernel does not know it any more
    std::string_view counter; ///< what it is counted under: "closed", "rejected" ...
    std::string_view reason;  ///< of "closed"
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0; ///< received
};
using FaultHook = std::function<void(const Fault&)>;

/// The set of open connections with its ready queue and its deadlines. Everything but the end of
/// the server (start_drain(), close_all()) is O(1) a client.
class Clients {
public:
    /// Borrows both for its life.
    Clients(Epoll& epoll, Counters& counters);
    /// Closes whoever is left.
    ~Clients();
    Clients(const Clients&) = delete;
    Clients& operator=(const Clients&) = delete;

    /// Timeouts and policy from here on; deadlines that run are judged by the new values.
    void configure(const Config::Limits& limits, const Config::Timeouts& timeouts) noexcept;

    /// Whom to tell of faults from here on; empty: nobody, which costs nothing.
    void set_fault_hook(FaultHook hook) noexcept { fault_hook_ = std::move(hook); }

    /// Tells of one who was turned away before it had a place.
    void tell_turned_away(const Endpoint& peer, std::string_view counter) const noexcept {
        if (fault_hook_) {
            fault_hook_({peer, counter, {}});
        }
    }

    [[nodiscard]] std::uint32_t open() const noexcept { return idle_.size(); }
    /// Connections that `peer`'s address holds; counted only where limits.max_connections_per_ip is
    /// set.
    [[nodiscard]] std::uint32_t held_by(const Endpoint& peer) const noexcept {
        return ip_counts_.count(peer);
    }

    /// Takes a connection in; false where memory or epoll refused it, and it is closed.
    [[nodiscard]] bool add(UniqueFd fd, const Endpoint& peer, TimePoint now) noexcept;

    /// An event that epoll reported under one of our tokens; a stale one finds nobody.
    void on_event(std::uint64_t token, std::uint32_t events) noexcept;

    /// True while somebody has work that no event will announce.
    [[nodiscard]] bool has_ready() const noexcept { return !ready_.empty(); }

    /// Gives each connection that is ready now one turn. `others_wait`: somebody outside waits for
    /// the loop too (an accept), so the quota holds even for a connection that is alone.
    void serve_ready(TimePoint now, bool others_wait) noexcept;

    /// When expire() has something to do next; nothing where no clock runs.
    [[nodiscard]] std::optional<TimePoint> next_deadline() const noexcept;

    /// Closes those whose time is up.
    void expire(TimePoint now) noexcept;

    /// Closes the connection that has been idle longest. There must be one.
    void evict_longest_idle() noexcept;

    /// From here on, whoever has nothing left to do is closed with a FIN after its last echo.
    void start_drain(TimePoint now) noexcept;

    /// Writes down everybody but those that only linger, the most recently active first, with their
    /// descriptors and bytes, which stay ours. Throws std::bad_alloc.
    void park(TimePoint now, std::vector<ParkedConnection>& parked, std::vector<int>& fds) const;

    /// Closes our copies of the first `count` that park() wrote down: the next process has its own.
    void forget_parked(std::size_t count) noexcept;

    /// Takes over connections that the process before parked, each with its descriptor. Returns
    /// how many there was no memory or no epoll for: they are closed.
    [[nodiscard]] std::size_t restore(std::span<const ParkedConnection> parked,
                                      std::span<UniqueFd> fds, TimePoint now);

    /// Closes everybody at once.
    void close_all(CloseReason reason) noexcept;

    /// The `count` connections with the most messages and the `count` oldest. Looks at everybody
    /// once; for a person who asks, not for the loop.
    void summarize(std::size_t count, TimePoint now, std::vector<ConnectionSummary>& busiest,
                   std::vector<ConnectionSummary>& oldest) const;

    /// Bytes lent to connections now.
    [[nodiscard]] std::size_t kept_bytes() const noexcept { return pool_.lent(); }

private:
    using ReadyQueue = IndexList<Client, &Client::ready>;
    using IdleList = IndexList<Client, &Client::idle>;
    using DeadlineList = IndexList<Client, &Client::deadline>;
    static constexpr std::size_t kDeadlines = 4; ///< values of Deadline, `none` included

    [[nodiscard]] std::uint32_t insert(UniqueFd fd, const Endpoint& peer, TimePoint now) noexcept;
    void serve_one(std::uint32_t slot, Turn& turn, bool alone) noexcept;
    void touch(std::uint32_t slot, Client& client) noexcept;
    void relist(std::uint32_t slot, Client& client) noexcept;
    void watch_output(std::uint32_t slot, Client& client) noexcept;
    void close(std::uint32_t slot, CloseReason reason) noexcept;
    void tell_fault(const Client& client, CloseReason reason) const noexcept;
    [[nodiscard]] Duration allowance(Deadline deadline) const noexcept;
    void count_addresses(bool wanted) noexcept;
    bool serve_unread(std::uint32_t slot, TimePoint now) noexcept;
    void expire_list(Deadline deadline, TimePoint now) noexcept;

    Epoll& epoll_;
    Counters& counters_;
    Config::Timeouts timeouts_;
    std::uint32_t quota_ = 1;
    std::uint32_t turn_ = 0; ///< counts serve_ready(); may wrap
    Duration idle_grain_{};
    bool draining_ = false;
    bool counts_addresses_ = false; ///< limits.max_connections_per_ip is set
    FaultHook fault_hook_;

    ClientTable table_;
    ReadyQueue ready_;
    IdleList idle_;                                  ///< by idle_stamp: the longest idle in front
    std::array<DeadlineList, kDeadlines> deadlines_; ///< each by deadline_since()
    IpCounts ip_counts_;
    BufferPool pool_;
    std::array<std::byte, kReceiveBuffer> buffer_;
};

} // namespace echod
