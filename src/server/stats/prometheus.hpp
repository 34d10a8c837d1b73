// SPDX-License-Identifier: MIT
// The output of `echod --stats prometheus`.
#pragma once

#include "server/stats/server_state.hpp"

#include <string>

namespace echod {

/// `state` in version 0.0.4 of Prometheus' text format. It has no type "info": the version is the
/// label of a gauge. Throws std::bad_alloc.
[[nodiscard]] std::string format_prometheus(const ServerState& state);

} // namespace echod
