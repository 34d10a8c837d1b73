// SPDX-License-Identifier: MIT
// Finds the process of the server, to sample its processor time and memory.
#pragma once

#include "client/measure/process.hpp"

#include <optional>
#include <string>

namespace echoload {

/// The process of that number, or the main process of that systemd unit; nothing where neither is
/// given. Throws NotPossible where there is no such process.
[[nodiscard]] std::optional<ProcessWatch> find_server(std::optional<int> pid,
                                                      const std::string& unit);

} // namespace echoload
