// SPDX-License-Identifier: MIT
// Lists of connections for `echod --status` and `--stats`.
#pragma once

#include "server/clients/activity_list.hpp"
#include "server/clients/client_addresses.hpp"
#include "server/clients/client_table.hpp"
#include "server/stats/server_state.hpp"

#include <cstddef>
#include <vector>

namespace echod {

/// Appends the `count` connections with the most messages to `busiest` and the `count` oldest ones
/// to `oldest`. Visits every connection, so it is not for every iteration of the loop. Throws
/// std::bad_alloc.
void summarize_clients(const ClientTable& table, const ActivityList& clients,
                       const ClientAddresses& addresses, std::size_t count, TimePoint now,
                       std::vector<ConnectionSummary>& busiest,
                       std::vector<ConnectionSummary>& oldest);

} // namespace echod
