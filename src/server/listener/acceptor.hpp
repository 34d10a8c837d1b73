// SPDX-License-Identifier: MIT
// Accepts connections from the listeners and applies the limits.
#pragma once

#include "net/epoll.hpp"
#include "server/clients/clients.hpp"
#include "server/config/config.hpp"
#include "server/listener/listener.hpp"
#include "server/stats/counters.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace echod {

/// Accepts connections and applies limits.max_connections, limits.max_connections_per_ip and
/// limits.when_full. Pauses where descriptors or memory run out (EMFILE, ENFILE, ENOBUFS, ENOMEM),
/// until a connection is closed or kAcceptRetry has passed.
class Acceptor {
public:
    /// Registers the listeners with the tokens first_token, first_token + 1 ... Borrows the other
    /// arguments for its life. Throws std::system_error.
    Acceptor(std::vector<Listener> listeners, Epoll& epoll, Clients& clients, Counters& counters,
             std::uint64_t first_token);

    /// Exchanges the listeners for those of the plan. Those that do not stay are left in `old`, for
    /// close_old(). Returns 0, or an errno of epoll_ctl(2), with nothing changed. Throws
    /// std::bad_alloc, likewise.
    [[nodiscard]] int replace(ListenPlan plan, std::vector<Listener>& old, TimePoint now);

    /// Accepts what waits in the backlogs of listeners that replace() has removed, up to the limit
    /// and in bounded time, and closes them. What is beyond that is reset.
    void close_old(std::vector<Listener> old, TimePoint now) noexcept;

    /// Adds a listener. Returns 0, or an errno of epoll_ctl(2), with nothing changed. Throws
    /// std::bad_alloc, likewise.
    [[nodiscard]] int add(Listener listener);

    /// Applies limits from now on. `room` is how many connections RLIMIT_NOFILE allows; the lower
    /// of it and limits.max_connections is in force. A lower limit closes no connection.
    void configure(const Config::Limits& limits, std::uint32_t room) noexcept;

    /// Sets timeouts.unacked for the connections accepted from now on, with keep-alive probes where
    /// timeouts.idle does not end a silent connection first. It overrides KeepAlive= of a socket
    /// unit and the setting of the old process.
    void set_unacked_timeout(const Config::Timeouts& timeouts) noexcept;

    /// Sets limits.unsent_bytes for the connections accepted from now on; 0: the system's limit.
    void set_unsent_limit(std::uint32_t bytes) noexcept;

    /// The processor whose connections the listeners prefer to those of other instances; kAnyCpu:
    /// none.
    void set_incoming_cpu(int cpu) noexcept;

    /// Disables the listeners' events if the server is full; to be called after connections were
    /// added elsewhere.
    void stop_watching_if_full() noexcept;

    /// Notes an edge of the listener with that index.
    void on_event(std::size_t index) noexcept;

    /// True while connections may be pending that can be accepted now and of which no event will
    /// report.
    [[nodiscard]] bool has_pending() const noexcept {
        return (any_pending_ || !watching_) && may_take();
    }

    /// Accepts at most limits.accepts_per_turn connections, from each listener in rotation.
    void accept_some(TimePoint now) noexcept;

    /// When to retry after accepting failed; kNever if it did not fail or if the server is full.
    [[nodiscard]] TimePoint retry_at() const noexcept {
        const TimePoint at = std::min(retry_at_, recheck_at_);
        return at == kNever || must_wait() ? kNever : at;
    }

    /// Connections that wait while accepting pauses or the server is full.
    [[nodiscard]] std::uint32_t waiting() const noexcept;

    /// The limit of open connections that is in force.
    [[nodiscard]] std::uint32_t most() const noexcept { return most_; }

    /// True while that many connections are open.
    [[nodiscard]] bool is_full() const noexcept { return clients_.open() >= most_; }

    /// The errno for which accepting pauses, for all listeners or one of them; 0 if it does not.
    [[nodiscard]] int pause_error() const noexcept {
        return std::min(retry_at_, recheck_at_) != kNever ? pause_error_ : 0;
    }

    /// Tries again to add the accepted connection that could not be added before.
    void admit_held(TimePoint now) noexcept;

    /// At stop: accepts the connections in the backlogs of our own listeners, up to the limit, and
    /// closes the listeners, which resets the other connections in the backlog. Connections in the
    /// backlog of a passed socket stay there for the new process.
    void finish(TimePoint now) noexcept;

    [[nodiscard]] const std::vector<Listener>& listeners() const noexcept { return listeners_; }

    /// Accepts the connections in the backlog of an old socket, up to the limit and in bounded
    /// time. Unless it is one of listeners(), it then listens no more, although the service manager
    /// may have stored a duplicate.
    void retire(int listener, TimePoint now) noexcept;

private:
    [[nodiscard]] bool may_take() const noexcept;
    enum class Accepted : std::uint8_t { one, none_left, failed, stop };

    /// True while new connections stay in the backlog until one closes.
    [[nodiscard]] bool must_wait() const noexcept {
        return is_full() && limits_.when_full == WhenFull::queue;
    }
    [[nodiscard]] Accepted accept_one(int listener, TimePoint now) noexcept;
    /// False if the connection cannot be added now: it is held, and accepting pauses.
    [[nodiscard]] bool admit(UniqueFd fd, const Endpoint& peer, TimePoint now) noexcept;
    void empty_backlog(int listener, TimePoint now) noexcept;
    void pause(int error, TimePoint now) noexcept;
    /// Prepares a new listener and registers it with events disabled. Returns 0 or an errno.
    [[nodiscard]] int register_new(int listener, std::uint32_t events, std::size_t index) noexcept;
    /// Enables or disables the listeners' events. Returns 0, or an errno of epoll_ctl(2).
    int watch(bool on) noexcept;
    /// The same; after a failure accepting pauses, and watching is tried again at its end.
    void watch_or_pause(bool on, TimePoint now) noexcept;
    void resume_if_possible(TimePoint now) noexcept;

    std::vector<Listener> listeners_;
    std::vector<std::uint8_t> pending_; ///< by listener: connections may be pending
    bool any_pending_ = true;           ///< one of them may be set
    Epoll& epoll_;
    Clients& clients_;
    Counters& counters_;
    std::uint64_t first_token_;
    Config::Limits limits_;
    std::uint32_t most_ = 0;
    std::optional<Duration> unacked_timeout_;   ///< as set on the listeners
    bool probes_ = false;                       ///< as above
    std::optional<std::uint32_t> unsent_limit_; ///< likewise
    std::optional<int> incoming_cpu_;           ///< likewise
    std::size_t next_listener_ = 0;
    bool watching_ = true;
    TimePoint retry_at_ = kNever;   ///< out of descriptors or memory: accept nothing until then
    TimePoint recheck_at_ = kNever; ///< a listener failed: try all listeners then
    struct Held {
        UniqueFd fd;
        Endpoint peer;
    };
    Held held_; ///< accepted, but could not be added yet
    int pause_error_ = 0;
    std::uint32_t failed_in_a_row_ = 0; ///< calls of accept(2)
    std::uint64_t closed_at_pause_ = 0;
    std::uint32_t waited_ = 0; ///< connections that waited when accepting resumed, not accepted yet
};

} // namespace echod
