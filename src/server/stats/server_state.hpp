// SPDX-License-Identifier: MIT
// The state of the daemon at one moment, as data for the outputs of this room.
#pragma once

#include "base/clock.hpp"
#include "server/config/config.hpp"
#include "server/stats/counters.hpp"
#include "server/stats/process_figures.hpp"
#include "server/stats/turn_histogram.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace echod {

/// Values of the moment.
struct Gauges {
    std::uint32_t connections = 0;    ///< open connections
    std::uint32_t waiting = 0;        ///< connections in the backlog because the server is full
    std::uint64_t buffered_bytes = 0; ///< bytes of memory lent to connections
};

/// One connection of a list.
struct ConnectionSummary {
    std::string peer;
    std::uint64_t messages = 0; ///< received
    std::uint64_t bytes = 0;    ///< received
    std::uint64_t buffered = 0; ///< bytes that are pending output, not served yet or incomplete
    Duration age{};
    Duration idle{};
};

/// How loading the configuration ended the last time, at the start or at a reload. The times are
/// seconds since 1970.
struct LastLoad {
    bool successful = true;
    double at = 0;
    double succeeded_at = 0; ///< the last time it succeeded; 0: not since the start
};

/// The open connections that a listener accepted.
struct ListenerConnections {
    std::string listener; ///< its name
    std::uint32_t connections = 0;
};

/// What the kernel knows of the sockets of all connections.
struct SocketFigures {
    std::uint64_t memory = 0; ///< bytes of kernel memory that they hold
    std::vector<ListenerConnections> by_listener;
};

/// Polling before the loop sleeps, loop.busy_poll.
struct PollingFigures {
    bool automatic = true; ///< the setting is "auto"
    Duration window{};     ///< how long it polls at most; zero: not at all
    Duration polled{};     ///< how long it has polled since the start
};

struct ServerState {
    std::string refused;                ///< why the configuration on disk is not in force, if so
    std::vector<std::string> notices;   ///< other departures from the configuration, a line each
    std::vector<std::string> listeners; ///< their names
    std::string phase;                  ///< "serving" or "draining"
    Config::Limits limits;
    Counters counters;
    Gauges gauges;
    Duration uptime{};
    double started_at = 0; ///< seconds since 1970
    LastLoad last_load;
    std::uint32_t listeners_wanted = 0; ///< the open ones, and the missing addresses
    SocketFigures sockets;
    ProcessFigures process;
    TurnHistogram turns;
    PollingFigures polling;
    Duration longest_turn{};                ///< the longest iteration of the loop since the start
    std::vector<ConnectionSummary> busiest; ///< the most messages first
    std::vector<ConnectionSummary> oldest;
};

} // namespace echod
