// SPDX-License-Identifier: MIT
// Which descriptor belongs to which connection of the old process.
#pragma once

#include "net/fd_passing.hpp"
#include "server/clients/parked_connection.hpp"

#include <span>
#include <vector>

namespace echod {

/// Connections and their descriptors, in the same order.
struct MatchedConnections {
    std::vector<ParkedConnection> connections;
    std::vector<UniqueFd> fds;
};

/// Finds the descriptor of each connection by its socket cookie: bytes of one client must never go
/// to another. A connection without a descriptor is left out; a descriptor without a connection is
/// closed. Throws std::bad_alloc.
[[nodiscard]] MatchedConnections match_descriptors(std::span<const ParkedConnection> connections,
                                                   ReceivedDescriptors received);

} // namespace echod
