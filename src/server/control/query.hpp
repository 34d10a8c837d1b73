// SPDX-License-Identifier: MIT
// The client side of the control socket: `echod --status`, `--stats` and `--reload`.
#pragma once

#include "base/clock.hpp"
#include "server/control/protocol.hpp"

#include <stdexcept>
#include <string>
#include <string_view>

namespace echod {

/// There is no answer. what() names the path and the cause.
class QueryError : public std::runtime_error {
public:
    QueryError(int error, const std::string& text) : std::runtime_error(text), error_(error) {}

    /// The errno of connect(2); 0 if it succeeded.
    [[nodiscard]] int error() const noexcept { return error_; }

private:
    int error_;
};

/// Sends `command` to the daemon that serves `path` and waits for the whole answer, for at most
/// `timeout`. Throws QueryError if there is no answer.
[[nodiscard]] ControlAnswer query_daemon(const std::string& path, std::string_view command,
                                         Duration timeout);

/// The same for a command that only shows something. Where this user may not use the control socket
/// at `path`, the command goes to the statistics socket beside it. Throws QueryError.
[[nodiscard]] ControlAnswer query_state(const std::string& path, std::string_view command,
                                        Duration timeout);

} // namespace echod
