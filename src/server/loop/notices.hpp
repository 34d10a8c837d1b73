// SPDX-License-Identifier: MIT
// What an operator should know for as long as it lasts, as `--status` and STATUS= show it.
#pragma once

#include <string>

namespace echod {

/// Each is one line, or empty while it does not apply.
struct Notices {
    std::string refused; ///< the configuration on disk is not in force
    std::string missing; ///< addresses on which the daemon does not listen yet
    std::string sockets; ///< the passed sockets differ from the configuration

    bool operator==(const Notices&) const = default;
};

} // namespace echod
