// SPDX-License-Identifier: MIT
// The two halves of a restart: the old process stores its connections, the new one restores them.
#pragma once

#include "base/clock.hpp"
#include "server/handover/handover_fds.hpp"
#include "server/loop/settings.hpp"

namespace echod {

/// Stores the connections, their state and our own listeners with the service manager, for the new
/// process, and closes our copies of the connections. Returns false if the manager did not answer
/// within `limit`, and throws std::runtime_error or std::bad_alloc if it cannot be done, both with
/// all connections as they were.
[[nodiscard]] bool store_connections(const ConfiguredParts& parts, const Config& config,
                                     TimePoint now, Duration limit);

/// Restores the connections of the old process. Logs how many; those that cannot be restored are
/// closed.
void restore_connections(HandoverFds handover_fds, const ConfiguredParts& parts, TimePoint now);

} // namespace echod
