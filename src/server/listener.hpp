// SPDX-License-Identifier: MIT
// The listening sockets: where they come from and how connections are taken from them.
#pragma once

#include "net/epoll.hpp"
#include "net/socket.hpp"
#include "server/clients.hpp"
#include "server/config.hpp"
#include "server/counters.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace echod {

/// A listening socket. One that was passed in stays open for the next process that gets it.
struct Listener {
    UniqueFd fd;
    std::string name; ///< its address, and the name systemd gave it
    bool passed = false;
};

/// Opens the configured addresses. Of `inherited`, sockets that the process before had opened,
/// those at such an address are taken instead, with the configured backlog; the rest are closed.
/// Throws std::system_error that names the address, and `inherited` is as it was.
[[nodiscard]] std::vector<Listener> open_listeners(const Config::Listen& listen,
                                                   std::vector<Listener>&& inherited);

/// Takes connections from the listeners and applies limits.max_connections and its policy.
class Acceptor {
public:
    /// Registers the listeners under tokens first_token, first_token + 1 ... Borrows the rest for
    /// its life. Throws std::system_error.
    Acceptor(std::vector<Listener> listeners, Epoll& epoll, Clients& clients, Counters& counters,
             std::uint64_t first_token);

    /// Limits from here on; `room` is how many connections the descriptors allow, whatever
    /// limits.max_connections says. Lowering one closes nobody.
    void configure(const Config::Limits& limits, std::uint32_t room) noexcept;

    /// timeouts.unacked of the connections accepted from here on, whatever a socket unit says
    /// (KeepAlive=) or the process before had said.
    void set_unacked_timeout(Duration time) noexcept;

    /// Connections were added or limits changed elsewhere: while there is no place, the listeners
    /// are not watched.
    void stop_watching_if_full() noexcept;

    /// The listener with this index has connections waiting.
    void on_event(std::size_t index) noexcept;

    /// True while connections may wait that no event will announce and that may be taken now.
    [[nodiscard]] bool has_pending() const noexcept {
        return (any_pending_ || !watching_) && may_take();
    }

    /// Takes at most accepts_per_turn connections, the listeners in turn.
    void accept_some(TimePoint now) noexcept;

    /// When to try again after accepting failed as a whole; nothing where it has not, or where
    /// there is no place to take anybody anyway.
    [[nodiscard]] std::optional<TimePoint> retry_at() const noexcept;

    /// Connections that wait in the backlogs because the server is full.
    [[nodiscard]] std::uint32_t waiting() const noexcept;

    /// Connections that may be open at the same time.
    [[nodiscard]] std::uint32_t most() const noexcept { return most_; }

    /// True while that many are open.
    [[nodiscard]] bool is_full() const noexcept { return clients_.open() >= most_; }

    /// The errno for which accepting pauses, wholly or from one listener; 0 where it does not.
    [[nodiscard]] int pause_error() const noexcept {
        return retry_at_ || recheck_at_ ? pause_error_ : 0;
    }

    /// At stop: takes what already waits in our own backlogs, as far as there are places, then
    /// closes them; who is left there gets a reset. Sockets that were
    /// passed in are left alone: who waits there is served by the next process.
    void finish(TimePoint now) noexcept;

    [[nodiscard]] const std::vector<Listener>& listeners() const noexcept { return listeners_; }

private:
    [[nodiscard]] bool may_take() const noexcept;
    enum class Accepted : std::uint8_t { one, none_left, failed, stop };

    /// True while new connections are left in the backlog until one closes.
    [[nodiscard]] bool must_wait() const noexcept {
        return is_full() && limits_.when_full == WhenFull::queue;
    }
    [[nodiscard]] Accepted accept_one(std::size_t index, TimePoint now) noexcept;
    void admit(UniqueFd fd, const Endpoint& peer, TimePoint now) noexcept;
    void pause(int error, TimePoint now) noexcept;
    /// Returns 0, or the errno where a listener could not be switched.
    int watch(bool on) noexcept;
    void resume_if_possible(TimePoint now) noexcept;

    std::vector<Listener> listeners_;
    std::vector<std::uint8_t> pending_; ///< by listener: an edge has not been used up
    bool any_pending_ = true;           ///< one of them may be set
    Epoll& epoll_;
    Clients& clients_;
    Counters& counters_;
    std::uint64_t first_token_;
    Config::Limits limits_;
    std::uint32_t most_ = 0;
    std::optional<Duration> unacked_timeout_; ///< as the listeners have it
    std::size_t next_listener_ = 0;
    bool watching_ = true;
    std::optional<TimePoint> retry_at_;   ///< descriptors or memory are out: nobody is accepted
    std::optional<TimePoint> recheck_at_; ///< a listener failed: those with no edge are tried
    int pause_error_ = 0;
    std::uint32_t failed_in_a_row_ = 0; ///< calls of accept, since one that did not
    std::uint64_t closed_at_pause_ = 0;
    std::uint32_t waited_ = 0; ///< of those that waited when a place came free, not taken yet
};

} // namespace echod
