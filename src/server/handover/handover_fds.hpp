// SPDX-License-Identifier: MIT
// The two descriptors that an old process leaves with the service manager.
#pragma once

#include "base/unique_fd.hpp"

namespace echod {

struct HandoverFds {
    UniqueFd connections; ///< a datagram socket with the connections' descriptors in flight
    UniqueFd state;       ///< the state file

    /// True where either is there: one without the other is a loss that has to be logged.
    [[nodiscard]] explicit operator bool() const noexcept { return connections || state; }
};

} // namespace echod
