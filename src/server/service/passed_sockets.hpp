// SPDX-License-Identifier: MIT
// The descriptors that the service manager passes at the start: sockets of socket units, and what
// the old process stored. What the manager is notified of is in manager.hpp.
#pragma once

#include "server/handover/handover_fds.hpp"
#include "server/listener/listener.hpp"

#include <string>
#include <vector>

namespace echod {

/// The passed descriptors (sd_listen_fds_with_names(3)). All of them are owned.
struct PassedDescriptors {
    std::vector<Listener> listeners;        ///< of socket units
    std::vector<Listener> stored_listeners; ///< of socket units, stored by the old process
    std::vector<Listener> own_listeners;    ///< opened by the old process from its configuration
    HandoverFds handover_fds;               ///< the old process's connections
    std::vector<std::string> passed_names;  ///< of stored_listeners: their names when first passed
    bool stored = false; ///< some of them are also in the manager's store and have to be removed
};

/// Takes the passed descriptors: close-on-exec, the listeners non-blocking. Removes the variables
/// from the environment. What the old process stored also stays in the manager's store: if this
/// process fails, the next start gets it again. Throws std::runtime_error that names the descriptor
/// that is not a listening stream socket of TCP or AF_UNIX, or the invalid variable.
[[nodiscard]] PassedDescriptors take_passed_descriptors();

} // namespace echod
