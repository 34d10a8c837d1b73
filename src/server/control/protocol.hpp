// SPDX-License-Identifier: MIT
// The protocol of the control socket and of the statistics socket. A client sends one command on
// one line. The answer is the line "ok" or "error" and then a text that ends with end of file.
#pragma once

#include "net/address.hpp"

#include <string>
#include <string_view>

namespace echod {

inline constexpr std::string_view kDefaultControlPath = "/run/echod/control.sock";

/// What the two sockets are called in messages.
inline constexpr std::string_view kControlSocketName = "control socket";
inline constexpr std::string_view kStatsSocketName = "statistics socket";

/// The first line of an answer.
inline constexpr std::string_view kControlOk = "ok\n";
inline constexpr std::string_view kControlError = "error\n";

/// The answer to a command.
struct ControlAnswer {
    bool ok = true;
    std::string text;
};

/// The path of the statistics socket beside the control socket at `control_path`: "stats.sock" for
/// "control.sock", and "NAME.stats" for another NAME. Throws std::bad_alloc.
[[nodiscard]] std::string stats_path(const std::string& control_path);

/// The address of the socket at `path`. Throws std::runtime_error, which begins with `name`, if the
/// path is too long for a unix socket.
[[nodiscard]] Endpoint control_endpoint(const std::string& path,
                                        std::string_view name = kControlSocketName);

} // namespace echod
