// SPDX-License-Identifier: MIT
// The output of `echod --status`: one daemon or all instances, once or again every second.
#pragma once

#include <optional>
#include <string>

namespace echod {

/// Prints the state of the daemon at `control_path`; without it, of all instances whose sockets are
/// in /run, each under its name if there are several. With `watch` it prints them again every
/// second until SIGINT or SIGTERM, and on a terminal in the same place. Returns the exit status: 1
/// if one did not answer, unless `watch` is set. Throws QueryError if the only daemon does not
/// answer.
[[nodiscard]] int show_status(const std::optional<std::string>& control_path, bool watch);

} // namespace echod
