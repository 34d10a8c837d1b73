// SPDX-License-Identifier: MIT
// The client side of the control socket: `echod --status`, `--stats` and `--reload`.
#pragma once

#include "base/clock.hpp"
#include "server/control/protocol.hpp"

#include <string>
#include <string_view>

namespace echod {

/// Sends `command` to the daemon that serves `path` and waits for the whole answer, for at most
/// `timeout`. Throws std::runtime_error that names the path if there is no answer.
[[nodiscard]] ControlAnswer query_daemon(const std::string& path, std::string_view command,
                                         Duration timeout);

} // namespace echod
