// SPDX-License-Identifier: MIT
// The server's state as text: a screen for a person, JSON, and OpenMetrics.
#pragma once

#include "base/clock.hpp"
#include "server/config.hpp"
#include "server/counters.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace echod {

/// What is true at one moment, beside the totals.
struct Gauges {
    std::uint32_t connections = 0; ///< open now
    std::uint32_t waiting = 0;     ///< in the backlog, because the server is full
    std::uint64_t kept_bytes = 0; ///< memory lent to connections for partial, owed or unserved ones
};

/// One connection as a list shows it.
struct ConnectionSummary {
    std::string peer;
    std::uint64_t messages = 0; ///< received
    std::uint64_t bytes = 0;    ///< received
    std::uint64_t kept = 0;     ///< bytes owed, unserved or incomplete
    Duration age{};
    Duration idle{};
};

struct ServerState {
    std::vector<std::string> listeners;
    std::string phase; ///< "serving" or "draining"
    Config::Limits limits;
    Counters counters;
    Gauges gauges;
    Duration uptime{};
    Duration longest_turn{};
    std::vector<ConnectionSummary> busiest; ///< by messages
    std::vector<ConnectionSummary> oldest;
};

/// For a terminal of 80 columns or more.
[[nodiscard]] std::string format_status(const ServerState& state);

/// One object on one line, with "schema": 1.
[[nodiscard]] std::string format_json(const ServerState& state);

/// OpenMetrics 1.0 text, ended by "# EOF".
[[nodiscard]] std::string format_openmetrics(const ServerState& state);

} // namespace echod
