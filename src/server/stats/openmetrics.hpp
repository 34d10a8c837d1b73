// SPDX-License-Identifier: MIT
// The output of `echod --stats openmetrics`.
#pragma once

#include "server/stats/server_state.hpp"

#include <string>

namespace echod {

/// `state` as OpenMetrics 1.0 text, which ends with "# EOF". Throws std::bad_alloc.
[[nodiscard]] std::string format_openmetrics(const ServerState& state);

} // namespace echod
