// SPDX-License-Identifier: MIT
// Asks the kernel about the sockets of all connections.
#pragma once

#include "base/clock.hpp"
#include "net/address.hpp"
#include "server/clients/clients.hpp"
#include "server/listener/listener.hpp"
#include "server/stats/server_state.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace echod {

/// The connections of each listener and the kernel memory of all. Both are computed when they are
/// asked for, at most once a second, because that visits every connection. To accept a connection
/// or to echo a message costs nothing for them.
class SocketSurvey {
public:
    /// The name under which connections are counted whose listener is closed.
    static constexpr const char* kClosedListener = "closed";
    /// If there are more connections, the memory is that of evenly chosen ones, multiplied: a
    /// system call for each of many thousands would take longer than an iteration may.
    static constexpr std::size_t kMeasured = 1024;

    /// Makes the figures anew where they are 1 s old or older; returns true if it did. A connection
    /// belongs to the listener at its local address, or else to the wildcard address of its port,
    /// which is found out once. So they are right after a reload and a restart too. Throws
    /// std::bad_alloc.
    bool update(Clients& clients, const std::vector<Listener>& listeners, TimePoint now);

    [[nodiscard]] const SocketFigures& figures() const noexcept { return figures_; }

private:
    /// A listener is known by its socket: its place in the list changes.
    struct Known {
        std::uint64_t cookie = 0;
        std::uint16_t key = 0; ///< in the record of its clients
        Endpoint bound;
        std::uint32_t connections = 0;
    };
    void learn(const std::vector<Listener>& listeners);
    [[nodiscard]] std::uint16_t key_of(int connection) const noexcept;
    void count(std::uint16_t key) noexcept;
    void sum_up(const std::vector<Listener>& listeners);

    std::vector<Known> known_; ///< in the order of the listeners
    std::uint16_t last_key_ = 1;
    std::uint32_t closed_ = 0; ///< connections whose listener is closed
    SocketFigures figures_;
    std::optional<TimePoint> made_at_;
};

} // namespace echod
