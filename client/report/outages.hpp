// SPDX-License-Identifier: MIT
// Outages in the JSON and in the text.
#pragma once

#include "client/measure/outage.hpp"
#include "client/report/stored_result.hpp"

#include <chrono>
#include <string>

namespace echoload {

/// The outages that are listed, as a list of objects. The run began at `started`.
[[nodiscard]] Json outages_json(const Outages& outages,
                                std::chrono::system_clock::time_point started);

/// How many there were, and the longest.
[[nodiscard]] StoredOutages stored_outages(const Outages& outages);

/// Lines about the outages and the interruptions of connections; nothing for a result without
/// --reconnect.
[[nodiscard]] std::string outages_text(const StoredResult& result);

} // namespace echoload
