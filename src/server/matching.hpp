// SPDX-License-Identifier: MIT
// Which descriptor belongs to which connection of the process before.
#pragma once

#include "net/fd_passing.hpp"
#include "server/handover.hpp"

#include <span>
#include <vector>

namespace echod {

/// Connections and their descriptors, in the same order.
struct MatchedConnections {
    std::vector<ParkedConnection> connections;
    std::vector<UniqueFd> fds;
};

/// Finds the descriptor of each connection by its cookie, or by their order where no connection has
/// one, and that only if none is missing: bytes of one client must never go to another. Whatever
/// has no counterpart is left out, and descriptors are closed. Throws std::bad_alloc.
[[nodiscard]] MatchedConnections match_descriptors(std::span<const ParkedConnection> connections,
                                                   ReceivedDescriptors received);

} // namespace echod
