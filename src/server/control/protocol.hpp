// SPDX-License-Identifier: MIT
// The protocol of the control socket. A client sends one command on one line. The answer is the
// line "ok" or "error" and then a text that ends with end of file.
#pragma once

#include "net/address.hpp"

#include <string>
#include <string_view>

namespace echod {

inline constexpr std::string_view kDefaultControlPath = "/run/echod/control.sock";

/// The first line of an answer.
inline constexpr std::string_view kControlOk = "ok\n";
inline constexpr std::string_view kControlError = "error\n";

/// The answer to a command.
struct ControlAnswer {
    bool ok = true;
    std::string text;
};

/// The address of the control socket at `path`. Throws std::runtime_error if the path is too long
/// for a unix socket.
[[nodiscard]] Endpoint control_endpoint(const std::string& path);

} // namespace echod
