// SPDX-License-Identifier: MIT
// The result of a run as a monitoring plugin prints it.
#pragma once

#include "client/report/stored_result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace echoload {

/// The states of the Monitoring Plugins guidelines; each is its exit status.
enum class PluginState : std::uint8_t { ok, warning, critical, unknown };

/// OK where all was well, WARNING where a gate is undecided, UNKNOWN where the run was not possible
/// or interrupted, and CRITICAL otherwise, also where no connection could be made.
[[nodiscard]] PluginState plugin_state(const StoredResult& result);

/// One line: "ECHOLOAD OK - ... | rate=...". Limits of --slo are in the performance data as those
/// of CRITICAL.
[[nodiscard]] std::string plugin_line(const StoredResult& result);

/// The line of a command that did not run because of `why`: UNKNOWN.
[[nodiscard]] std::string plugin_line(std::string_view why);

} // namespace echoload
