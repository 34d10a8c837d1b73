// SPDX-License-Identifier: MIT
// The output of `echod --status`.
#pragma once

#include "server/stats/server_state.hpp"

#include <string>

namespace echod {

/// `state` as text for a terminal of 80 columns or more. Throws std::bad_alloc.
[[nodiscard]] std::string format_status(const ServerState& state);

} // namespace echod
