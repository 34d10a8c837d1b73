// SPDX-License-Identifier: MIT
// Sockets that the service manager passes, compared with the configuration that they replace.
#pragma once

#include "server/config/config.hpp"
#include "server/listener/listener.hpp"

#include <string>
#include <vector>

namespace echod {

/// What differs between the passed sockets among `listeners` and `listen`, with the commands that
/// resolve it, in one line. Empty if no socket is passed or if they listen on the same addresses.
/// AF_UNIX sockets, for which there is no key, are not compared, and neither are backlogs.
[[nodiscard]] std::string describe_passed_difference(const std::vector<Listener>& listeners,
                                                     const Config::Listen& listen);

} // namespace echod
