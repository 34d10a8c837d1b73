// SPDX-License-Identifier: MIT
// How a failed system call is named and thrown.
#pragma once

#include <string>
#include <string_view>

namespace echod {

/// The symbolic name of an errno value ("ECONNRESET"), or "errno N" where it has none.
[[nodiscard]] std::string errno_name(int error);

/// "ECONNRESET (Connection reset by peer)".
[[nodiscard]] std::string describe_errno(int error);

/// Throws std::system_error of `error`, its text led by `what`. For set-up alone: once the loop
/// runs, failures are results.
[[noreturn]] void throw_errno(int error, std::string_view what);

} // namespace echod
