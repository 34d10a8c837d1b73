// SPDX-License-Identifier: MIT
// The output of `echod --stats json`.
#pragma once

#include "server/stats/server_state.hpp"

#include <string>

namespace echod {

/// `state` as one JSON object on one line, with "schema": 1. Throws std::bad_alloc.
[[nodiscard]] std::string format_json(const ServerState& state);

} // namespace echod
